"""Who listens to which event."""

from bookings import handlers as bookings
from reserve.outbox.services import Routes

ROUTES: Routes = {
    "booking.created": (bookings.confirm_new_bookings,),
    "venue.schedule_changed": (bookings.republish_changed_venues,),
}
