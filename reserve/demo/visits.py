"""What the customers with a login have booked, or had."""

from dataclasses import dataclass

from bookings.states import APPROVE, CANCEL, DECLINE, BookingStatus, Transition
from reserve.demo.logins import DEMO_CUSTOMER


@dataclass(frozen=True, slots=True)
class DemoVisit:
    """A booking on the first fitting slot from a local day and hour on.

    day: counted from the day of loading; a visit before it is imported.
    then: what happens to a HELD or PENDING one.
    """

    customer: str
    venue: str
    day: int
    hour: int
    party: int
    begins_as: BookingStatus = BookingStatus.PENDING
    then: Transition | None = None
    length: int = 1
    notes: str = ""


_S = BookingStatus
_USER = DEMO_CUSTOMER.email
_INGRID, _OMAR, _NAOKO = (
    "ingrid.solberg@example.org",
    "omar.haddad@example.net",
    "naoko.fujita@example.com",
)

VISITS = (
    DemoVisit(_USER, "havnekaer", -17, 19, 2, _S.COMPLETED),
    DemoVisit(_USER, "museum-of-printing", -12, 14, 2, _S.COMPLETED),
    DemoVisit(_USER, "marsa-padel", -9, 18, 4, _S.NO_SHOW, length=3),
    DemoVisit(_USER, "kamiya-barber", -6, 17, 1, _S.COMPLETED, notes="Cut and beard"),
    DemoVisit(_USER, "havnekaer", -4, 17, 6, _S.CANCELLED),
    DemoVisit(_USER, "kamiya-barber", 2, 11, 1, notes="Same as last time"),
    DemoVisit(_USER, "havnekaer", 3, 19, 4, notes="Window seat preferred"),
    DemoVisit(_USER, "marsa-padel", 5, 18, 4, length=3),
    DemoVisit(_USER, "museum-of-printing", 6, 14, 2),
    DemoVisit(_USER, "family-clinic", 8, 9, 1, then=CANCEL),
    DemoVisit(_INGRID, "havnekaer", -13, 19, 2, _S.COMPLETED),
    DemoVisit(_INGRID, "havnekaer", 4, 19, 2, _S.HELD),
    DemoVisit(_INGRID, "havnekaer", 9, 11, 3),
    DemoVisit(_OMAR, "marsa-padel", -7, 20, 4, _S.COMPLETED, length=3),
    DemoVisit(_OMAR, "marsa-padel", -5, 20, 2, _S.EXPIRED, length=2),
    DemoVisit(_OMAR, "marsa-padel", 2, 20, 4, length=3),
    DemoVisit(_OMAR, "marsa-padel", 9, 20, 4, _S.HELD, length=3),
    DemoVisit(_NAOKO, "kamiya-barber", -20, 10, 1, _S.COMPLETED),
    DemoVisit(_NAOKO, "kamiya-barber", 3, 16, 1, then=APPROVE),
    DemoVisit(_NAOKO, "family-clinic", 5, 15, 1, then=DECLINE, notes="First visit"),
)
