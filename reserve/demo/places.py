"""The organizations of the demo, their venues, and how busy these are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time

from venues.models import BookingMode, ConfirmationMode, Weekday
from venues.services.schedule import Opening
from venues.services.venues import VenueDetails


@dataclass(frozen=True, slots=True)
class DemoResource:
    name: str
    capacity: int
    booking_mode: BookingMode = BookingMode.SHARED


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days of each year on which a venue is closed, or one resource of it (a name)."""

    month: int
    day: int
    reason: str
    days: int = 1


@dataclass(frozen=True, slots=True)
class Works:
    """A closure some days after the demo was loaded."""

    in_days: int
    days: int
    reason: str
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class Demand:
    """How busy a venue is, and with whom. Weights need not add up to anything.

    weekdays: how full each weekday is, Monday first, from 0 to 1.
    hours: by what a local hour multiplies that; an hour that is missing has the one before it.
    parties: sizes and their weights.
    lengths: consecutive slots and their weights.
    """

    weekdays: tuple[float, float, float, float, float, float, float]
    hours: Mapping[int, float]
    parties: Mapping[int, int]
    cultures: Mapping[str, int]
    lengths: Mapping[int, int] = field(default_factory=lambda: {1: 1})
    notes: tuple[str, ...] = ()

    @property
    def mean_party(self) -> float:
        return sum(size * weight for size, weight in self.parties.items()) / sum(
            self.parties.values()
        )

    def level(self, weekday: int, hour: int) -> float:
        """The share of seats that is booked in the end, from 0 to 1."""
        known = [since for since in self.hours if since <= hour]
        return min(1.0, self.weekdays[weekday] * (self.hours[max(known)] if known else 0.0))


@dataclass(frozen=True, slots=True)
class DemoVenue:
    details: VenueDetails
    resources: tuple[DemoResource, ...]
    openings: tuple[Opening, ...]
    demand: Demand
    holidays: tuple[Holiday, ...] = ()
    works: tuple[Works, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoOrganization:
    name: str
    slug: str
    venues: tuple[DemoVenue, ...]


def _openings(
    days: Iterable[int], *stretches: tuple[time, time], slot_minutes: int | None = None
) -> tuple[Opening, ...]:
    return tuple(
        Opening(day, opens_at, closes_at, slot_minutes)
        for day in days
        for opens_at, closes_at in stretches
    )


_WEEK = tuple(Weekday)
_WEEKDAYS = _WEEK[:5]
_BUT_MONDAY = _WEEK[1:]

RESTAURANT = DemoVenue(
    details=VenueDetails(
        name="Restaurant Havnekær",
        slug="havnekaer",
        description=(
            "Danish cooking by the old timber dock: herring and open sandwiches at lunch, "
            "fish over charcoal and a short vegetable menu in the evening. A table is yours "
            "for an hour and a half."
        ),
        street="Kalvebod Træplads 14",
        postal_code="1799",
        city="København V",
        country="DK",
        latitude=55.6657,
        longitude=12.5741,
        contact_email="hello@havnekaer.example",
        contact_phone="+45 33 00 14 14",
        website="https://havnekaer.example",
        timezone="Europe/Copenhagen",
        confirmation_mode=ConfirmationMode.AUTOMATIC,
        minimum_notice_minutes=60,
        maximum_party_size=8,
        cancellation_cutoff_minutes=240,
        open_bookings_per_customer=6,
    ),
    resources=(
        DemoResource("Dining room", 24),
        DemoResource("Winter garden", 12),
        DemoResource("Terrace", 16),
    ),
    openings=_openings(
        _BUT_MONDAY, (time(11, 30), time(14, 30)), (time(17, 30), time(22)), slot_minutes=90
    ),
    demand=Demand(
        weekdays=(0, 0.05, 0.07, 0.1, 0.22, 0.26, 0.1),
        hours={11: 0.3, 13: 0.45, 17: 0.7, 19: 1.0, 20: 0.6},
        parties={1: 1, 2: 9, 3: 3, 4: 6, 5: 1, 6: 2, 8: 1},
        cultures={"danish": 6, "swedish": 2, "german": 1, "british": 1, "french": 1},
        notes=(
            "Window seat preferred",
            "One of us eats no shellfish",
            "High chair, please",
            "Celebrating a birthday",
            "We come straight from the opera and may be ten minutes late",
        ),
    ),
    holidays=(
        Holiday(1, 1, "New Year's Day"),
        Holiday(6, 5, "Constitution Day"),
        Holiday(12, 24, "Christmas", days=3),
    ),
    works=(Works(20, 2, "The awning is renewed", resource="Terrace"),),
)

PADEL = DemoVenue(
    details=VenueDetails(
        name="Marsa Padel Club",
        slug="marsa-padel",
        description=(
            "Four covered and cooled courts, open every day from seven to eleven at night. "
            "Courts go by half hours; most players take three in a row. Rackets can be "
            "borrowed at the desk."
        ),
        street="Warehouse 9, 17A Street, Al Quoz 3",
        city="Dubai",
        country="AE",
        latitude=25.1338,
        longitude=55.2296,
        contact_email="hello@marsa-padel.example",
        contact_phone="+971 4 555 0117",
        website="https://marsa-padel.example",
        timezone="Asia/Dubai",
        confirmation_mode=ConfirmationMode.AUTOMATIC,
        booking_horizon_days=45,
        minimum_party_size=2,
        maximum_party_size=4,
        cancellation_cutoff_minutes=720,
        open_bookings_per_customer=4,
    ),
    resources=tuple(
        DemoResource(f"Court {number}", 4, BookingMode.EXCLUSIVE) for number in range(1, 5)
    ),
    openings=_openings(_WEEK, (time(7), time(23)), slot_minutes=30),
    demand=Demand(
        weekdays=(0.05, 0.05, 0.06, 0.07, 0.1, 0.11, 0.09),
        hours={7: 0.8, 9: 0.3, 12: 0.1, 16: 0.7, 18: 1.6, 21: 0.8},
        parties={2: 3, 4: 7},
        cultures={"gulf": 5, "indian": 4, "british": 3, "french": 1, "latin": 1},
        lengths={2: 3, 3: 6, 4: 1},
        notes=("Two rackets to borrow, please", "Lesson with a coach", "Company league"),
    ),
    works=(Works(12, 2, "New turf", resource="Court 4"),),
)

BARBER = DemoVenue(
    details=VenueDetails(
        name="Kamiya Barber",
        slug="kamiya-barber",
        description=(
            "Three chairs in a converted rice shop: cuts, hot towel shaves and beard trims. "
            "Appointments are confirmed by the shop, usually within the hour."
        ),
        street="2-18-7 Yanaka, Taito-ku",
        postal_code="110-0001",
        city="Tokyo",
        country="JP",
        latitude=35.7268,
        longitude=139.7661,
        contact_email="hello@kamiya-barber.example",
        contact_phone="+81 3 5550 0187",
        website="https://kamiya-barber.example",
        timezone="Asia/Tokyo",
        confirmation_mode=ConfirmationMode.MANUAL,
        minimum_notice_minutes=30,
        maximum_party_size=1,
        cancellation_cutoff_minutes=120,
        open_bookings_per_customer=2,
    ),
    resources=tuple(
        DemoResource(f"Chair {number}", 1, BookingMode.EXCLUSIVE) for number in range(1, 4)
    ),
    openings=(
        *_openings(
            (Weekday.MONDAY, Weekday.WEDNESDAY, Weekday.THURSDAY, Weekday.FRIDAY),
            (time(10), time(13)),
            (time(14), time(20)),
            slot_minutes=45,
        ),
        *_openings(_WEEK[5:], (time(9), time(18)), slot_minutes=45),
    ),
    demand=Demand(
        weekdays=(0.07, 0, 0.08, 0.09, 0.15, 0.28, 0.25),
        hours={9: 0.8, 11: 1.0, 14: 0.6, 17: 1.4},
        parties={1: 1},
        cultures={"japanese": 9, "american": 1, "australian": 1},
        notes=("Cut and beard", "Hot towel shave", "Same as last time"),
    ),
    holidays=(Holiday(12, 31, "New Year", days=4), Holiday(5, 3, "Golden Week", days=3)),
)

MUSEUM = DemoVenue(
    details=VenueDetails(
        name="Hudson River Museum of Printing",
        slug="museum-of-printing",
        description=(
            "Presses from 1680 to the last Linotype, kept running. Entry is timed, every half "
            "hour; once inside, stay as long as you like. Late opening on Thursdays."
        ),
        street="411 West 13th Street",
        postal_code="10014",
        city="New York, NY",
        country="US",
        latitude=40.7411,
        longitude=-74.0076,
        contact_email="hello@museum-of-printing.example",
        contact_phone="+1 212 555 0141",
        website="https://museum-of-printing.example",
        timezone="America/New_York",
        confirmation_mode=ConfirmationMode.AUTOMATIC,
        maximum_party_size=30,
        cancellation_cutoff_minutes=60,
    ),
    resources=(DemoResource("Timed entry", 60),),
    openings=(
        *_openings(
            (day for day in _BUT_MONDAY if day != Weekday.THURSDAY),
            (time(10), time(18)),
            slot_minutes=30,
        ),
        *_openings((Weekday.THURSDAY,), (time(10), time(21)), slot_minutes=30),
    ),
    demand=Demand(
        weekdays=(0, 0.016, 0.016, 0.022, 0.022, 0.062, 0.055),
        hours={10: 1.0, 12: 0.7, 14: 1.3, 16: 0.6, 18: 0.9},
        parties={1: 3, 2: 8, 3: 3, 4: 5, 6: 1, 12: 2, 24: 2},
        cultures={"american": 8, "latin": 3, "british": 1, "french": 1, "japanese": 1, "german": 1},
        notes=("School class", "Wheelchair access, please", "Two of us are students"),
    ),
    holidays=(
        Holiday(1, 1, "New Year's Day"),
        Holiday(7, 4, "Independence Day"),
        Holiday(12, 25, "Christmas Day"),
    ),
)

CLINIC = DemoVenue(
    details=VenueDetails(
        name="Hudson Family Clinic",
        slug="family-clinic",
        description=(
            "General practice for the neighbourhood, by appointment. The practice confirms "
            "each request; bring your insurance card and a list of your medicines."
        ),
        street="88 Tenth Avenue, 2nd floor",
        postal_code="10011",
        city="New York, NY",
        country="US",
        latitude=40.7433,
        longitude=-74.0074,
        contact_email="hello@family-clinic.example",
        contact_phone="+1 212 555 0188",
        website="https://family-clinic.example",
        timezone="America/New_York",
        confirmation_mode=ConfirmationMode.MANUAL,
        minimum_notice_minutes=24 * 60,
        maximum_party_size=2,
        cancellation_cutoff_minutes=24 * 60,
        open_bookings_per_customer=2,
        accepts_guests=False,
    ),
    resources=(
        DemoResource("Dr. Amara Osei", 2, BookingMode.EXCLUSIVE),
        DemoResource("Dr. Daniel Rosen", 2, BookingMode.EXCLUSIVE),
        DemoResource("Nurse practitioner Mei Tan", 2, BookingMode.EXCLUSIVE),
    ),
    openings=_openings(_WEEKDAYS, (time(8), time(12)), (time(13), time(17)), slot_minutes=20),
    demand=Demand(
        weekdays=(0.11, 0.08, 0.06, 0.06, 0.08, 0, 0),
        hours={8: 1.3, 10: 0.8, 13: 0.6, 15: 1.2},
        parties={1: 5, 2: 1},
        cultures={"american": 7, "latin": 4, "indian": 1, "british": 1},
        notes=("First visit", "Follow-up on blood test", "Vaccination", "Needs an interpreter"),
    ),
    holidays=(
        Holiday(1, 1, "New Year's Day"),
        Holiday(7, 4, "Independence Day"),
        Holiday(12, 25, "Christmas Day"),
    ),
    works=(Works(26, 1, "Dr. Rosen is at a conference", resource="Dr. Daniel Rosen"),),
)

ORGANIZATIONS = (
    DemoOrganization("Kestrel Leisure", "kestrel", (RESTAURANT, PADEL, BARBER)),
    DemoOrganization("Hudson Community Trust", "hudson", (MUSEUM, CLINIC)),
)
