"""What each field means, for readers of both APIs."""

from notifications.kinds import Audience, Channel, Kind, Platform

PLATFORMS = {Platform.IOS: "Apple's.", Platform.ANDROID: "Google's."}
AUDIENCES = {
    Audience.GUEST: "For one's own bookings.",
    Audience.STAFF: "For bookings where one works.",
}
CHANNELS = {
    Channel.EMAIL: "To the account's e-mail address.",
    Channel.PUSH: "To the devices that were registered.",
}
KINDS = {
    Kind.HELD: "Seats are held until they are booked, or the time is over.",
    Kind.RECEIVED: "A booking came in, and waits for the venue's answer.",
    Kind.CONFIRMED: "A booking is confirmed, by the queue or by staff.",
    Kind.DECLINED: "The venue did not take a booking, or nobody answered in time.",
    Kind.RESCHEDULED: "A booking has another time.",
    Kind.CANCELLED_BY_GUEST: "A booking was cancelled by whoever made it.",
    Kind.CANCELLED_BY_VENUE: "A booking was cancelled by staff.",
    Kind.REMINDER: "A booking is near, at the times that the venue chose.",
    Kind.NO_SHOW_FOLLOW_UP: "Nobody came, a quarter of an hour after that was noted.",
}
CREATED_AT = "When it was registered first, in UTC."
REGISTERED_AT = "When it was registered last, in UTC."
PREFERENCES = "Every choice there is, said or not."
PREFERENCE_CHANGES = "Choices; what is not among them stays as it is."

PLATFORM = "Whose device it is: IOS or ANDROID."
DEVICE = "What the platform calls the device, as the app was given it."
AUDIENCE = "As whom: GUEST for one's own bookings, STAFF for those where one works."
KIND = "What it is about."
CHANNEL = "By which way."
ENABLED = "Whether it is sent."
QUIET_FROM = (
    "From when devices stay silent, by the clock of the account's time zone; null for never."
)
QUIET_UNTIL = (
    "Until when devices stay silent; not after the beginning means on the next day. What would"
    " come too late is shown all the same."
)
