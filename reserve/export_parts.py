"""What each app holds of a person: the parts of the export of an account."""

from accounts.export import export_person
from accounts.ports import ExportPart
from accounts.second_factor.selectors import export_second_factor
from bookings.export import export_bookings, export_guests
from notifications.export import export_notifications

PARTS: dict[str, ExportPart] = {
    "account": export_person,
    "second_factor": export_second_factor,
    "bookings": export_bookings,
    "guests": export_guests,
    "notifications": export_notifications,
}
