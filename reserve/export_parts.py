"""What each app holds of a person: the parts of the export of an account."""

from accounts.export import export_person
from accounts.ports import ExportPart
from bookings.export import export_bookings, export_guests

PARTS: dict[str, ExportPart] = {
    "account": export_person,
    "bookings": export_bookings,
    "guests": export_guests,
}
