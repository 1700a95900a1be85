"""Who listens to which event."""

from accounts import handlers as accounts
from bookings import handlers as bookings
from notifications import handlers as notifications
from reserve.outbox.services import Routes
from webhooks import handlers as webhooks

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
    # Other systems first: what keeps a mail from being written must not keep them waiting.
    "booking.held": (webhooks.publish_events, notifications.tell_of_bookings),
    "booking.created": (
        webhooks.publish_events,
        bookings.confirm_new_bookings,
        notifications.tell_of_bookings,
    ),
    "booking.imported": (webhooks.publish_events,),
    "booking.confirmed": (webhooks.publish_events, notifications.tell_of_bookings),
    "booking.declined": (webhooks.publish_events, notifications.tell_of_bookings),
    "booking.updated": (webhooks.publish_events,),
    "booking.rescheduled": (webhooks.publish_events, notifications.tell_of_bookings),
    "booking.cancelled": (webhooks.publish_events, notifications.tell_of_bookings),
    "booking.expired": (webhooks.publish_events,),
    "booking.checked_in": (webhooks.publish_events,),
    "booking.check_in_undone": (webhooks.publish_events,),
    "booking.no_show": (webhooks.publish_events, notifications.tell_of_bookings),
    "booking.completed": (webhooks.publish_events,),
    "venue.schedule_changed": (bookings.republish_changed_venues,),
    "webhook.disabled": (webhooks.tell_of_disabled_webhooks,),
    "invitation.created": (accounts.send_invitation,),
}
