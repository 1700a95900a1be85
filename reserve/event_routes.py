"""Who listens to which event."""

from accounts import handlers as accounts
from bookings import handlers as bookings
from notifications import handlers as notifications
from reserve.outbox.services import Routes

ROUTES: Routes = {
    "account.registered": (accounts.send_verification,),
    "account.email_verification_requested": (accounts.send_verification,),
    "account.email_change_requested": (accounts.send_email_change,),
    "account.email_change_announced": (accounts.announce_email_change,),
    "account.password_reset_requested": (accounts.send_password_reset,),
    "account.password_changed": (accounts.tell_of_new_password,),
    "account.deleted": (
        accounts.forget_second_factors,
        bookings.erase_guests,
        notifications.forget_deleted_people,
    ),
    "booking.held": (notifications.tell_of_bookings,),
    "booking.created": (bookings.confirm_new_bookings, notifications.tell_of_bookings),
    "booking.confirmed": (notifications.tell_of_bookings,),
    "booking.declined": (notifications.tell_of_bookings,),
    "booking.rescheduled": (notifications.tell_of_bookings,),
    "booking.cancelled": (notifications.tell_of_bookings,),
    "booking.no_show": (notifications.tell_of_bookings,),
    "venue.schedule_changed": (bookings.republish_changed_venues,),
    "invitation.created": (accounts.send_invitation,),
}
