"""What visitors are told when something cannot be done, in their language."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from bookings.errors import (
    BookingLimitReached,
    HoldExpired,
    InvalidState,
    OutsideBookingWindow,
    OutsideCancellationWindow,
    PartySizeNotAllowed,
    SlotBusy,
    SlotClosed,
    SlotInPast,
    SlotUnavailable,
)
from reserve.core.errors import DomainError, NotFound, RateLimited, ServiceUnavailable

TAKEN = (SlotUnavailable, SlotClosed, SlotInPast, OutsideBookingWindow, NotFound)
"""Refusals of a slot; another one may do."""

_SENTENCES: tuple[tuple[type[DomainError], object], ...] = (
    (
        SlotUnavailable,
        gettext_lazy("Sorry, somebody else was a moment quicker: this time is now taken."),
    ),
    (SlotClosed, gettext_lazy("Sorry, the venue has just closed this time.")),
    (SlotInPast, gettext_lazy("This time has already begun.")),
    (OutsideBookingWindow, gettext_lazy("This time is too soon, or too far ahead, to be booked.")),
    (PartySizeNotAllowed, gettext_lazy("A party of this size cannot be booked here.")),
    (BookingLimitReached, gettext_lazy("You have as many bookings here as the venue allows.")),
    (HoldExpired, gettext_lazy("Your time ran out, and the seats were given back.")),
    (
        OutsideCancellationWindow,
        gettext_lazy("It is too late to cancel online. Please call the venue."),
    ),
    (InvalidState, gettext_lazy("This booking cannot be changed any more.")),
    (RateLimited, gettext_lazy("That was a bit much at once. Please wait a minute.")),
    (ServiceUnavailable, gettext_lazy("We cannot be reached just now. Please try again.")),
    (SlotBusy, gettext_lazy("Many people want this time just now. Please try again.")),
    (NotFound, gettext_lazy("This is not there any more.")),
)


def sentence_of(refused: DomainError) -> str:
    for kind, sentence in _SENTENCES:
        if isinstance(refused, kind):
            return str(sentence)
    return _("Please check what you entered.")
