"""What `make dev` prints once it is ready."""

from datetime import timedelta

from accounts.actors import account
from accounts.models import User
from bookings.models import Slot
from bookings.selectors import available_slots
from reserve.core.clock import now
from reserve.demo.logins import ADMINISTRATOR, CUSTOMERS, DEMO_CUSTOMER, STAFF
from reserve.demo.places import ORGANIZATIONS, RESTAURANT
from venues.models import Venue

_PARTY = 4
# Days that are looked through for a free table: a closed one may follow a closed one.
_DAYS = 14
_EVENING = 17
_BOOKING_PAGE = f"/book/{ORGANIZATIONS[0].slug}/{RESTAURANT.details.slug}/"

_DOCUMENT = """\
mutation Login {{
  login(input: {{ email: "{email}", password: "{password}" }}) {{ accessToken user {{ name }} }}
}}
query GetAvailableSlots {{
  availableSlots(venueId: "{venue}", date: "{date}", guestCount: {party}) {{
    id startTime endTime status capacity remainingCapacity resource {{ name }}
  }}
}}
# {moment}, {resource}
mutation CreateBooking {{
  createBooking(input: {{
    slotId: "{slot}", venueId: "{venue}", guestCount: {party}, notes: "Window seat preferred"
  }}) {{ id status confirmationCode slot {{ startTime endTime }} venue {{ name address }} }}
}}"""


def banner(port: int) -> str:
    """The addresses, the demo's logins, and a GraphQL document that can be pasted as it is.

    Args:
        port: where the application is served on this machine.
    """
    parts = [_addresses(f"http://localhost:{port}"), _logins(), _example()]
    return "\n\n".join(part for part in parts if part) + "\n"


def _addresses(root: str) -> str:
    return "\n".join(
        [
            f"ReserveAPI is ready at {root}",
            "",
            f"  GraphQL playground  {root}/graphql",
            f"  REST                {root}/api/v1/",
            f"  Its documentation   {root}/api/docs",
            f"  Live boards         {root}/dashboard/",
            f"  Booking page        {root}{_BOOKING_PAGE}",
            f"  Admin               {root}/admin/",
            f"  Mails               {root}/dev/mails",
            f"  Health              {root}/health/ready",
        ]
    )


def _logins() -> str:
    logins = (*CUSTOMERS, *STAFF, ADMINISTRATOR)
    present = set(
        User.objects.filter(email__in=[login.email for login in logins]).values_list(
            "email", flat=True
        )
    )
    if not present:
        return ""
    names = {demo.slug: demo.name for demo in ORGANIZATIONS}
    lines = []
    for login in logins:
        if login.role:
            work = f"{login.role.label} of {names[login.organization]}"
        else:
            work = "Administrator" if login is ADMINISTRATOR else "Customer"
        if login.email in present:
            lines.append(f"  {login.email:<28}{login.password:<22}{work}")
    return "\n".join(
        ["Demo logins (everybody knows these passwords: for development only)", "", *lines]
    )


def _example() -> str:
    """Empty where the demo's restaurant or customer is not there."""
    venue = Venue.objects.filter(
        slug=RESTAURANT.details.slug, organization__slug=ORGANIZATIONS[0].slug
    ).first()
    customer = User.objects.filter(email=DEMO_CUSTOMER.email).first()
    slot = _free_table(venue, customer) if venue and customer else None
    if venue is None or slot is None:
        return ""
    local = venue.local(slot.starts_at)
    document = _DOCUMENT.format(
        email=DEMO_CUSTOMER.email,
        password=DEMO_CUSTOMER.password,
        venue=venue.public_id,
        slot=slot.public_id,
        date=local.date(),
        party=_PARTY,
        moment=f"{local:%A %d %B, %H:%M}",
        resource=slot.resource.name,
    )
    return "\n".join(
        [
            f"To try it, paste this into the playground: a table at {venue.name}. Run Login first,",
            'then CreateBooking with the header {"Authorization": "Bearer <accessToken>"}.',
            "",
            document,
        ]
    )


def _free_table(venue: Venue, customer: User) -> Slot | None:
    """The first table that the customer can have, from tomorrow on; in the evening if possible."""
    today = venue.local(now()).date()
    for days in range(1, _DAYS):
        free = available_slots(
            actor=account(customer.pk),
            venue_id=venue.pk,
            day=today + timedelta(days=days),
            guest_count=_PARTY,
        )
        evening = [slot for slot in free if venue.local(slot.starts_at).hour >= _EVENING]
        if free:
            return (evening or free)[0]
    return None
