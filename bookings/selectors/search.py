"""Searching bookings by code and guest.

Words are made by functions of the database, the same for what is stored and for
what is asked (`guest_document`, bookings migration 0005; `venue_query`, venues
migration 0003). Only the index `guest_by_words` may be asked by them.
"""

import re
from collections.abc import Collection
from uuid import UUID

from django.contrib.postgres.search import SearchQueryField, SearchVectorField
from django.db.models import BooleanField, F, Func, Q, Value
from django.db.models.expressions import CombinedExpression

from bookings.models import Booking, Guest
from reserve.core.errors import Invalid

MAX_SEARCH = 200
_PHONE = re.compile(r"[+0-9 ().\-/]+", re.ASCII)
_LEAST_DIGITS = 3
_CODE = re.compile(r"[A-Z0-9]{3,8}", re.ASCII)


def matches(
    search: str, *, organization_ids: Collection[UUID] | None, most_guests: int | None = None
) -> Q:
    """A condition on bookings: the code begins so, or the guest's words do.

    Args:
        organization_ids: whose guests are looked through; None for everybody's.
        most_guests: of more guests than that with these words, the newest count.

    Raises:
        Invalid: text that is too long, or no text.
    """
    guests = Guest.objects.filter(guests_matching(search))
    if organization_ids is not None:
        guests = guests.filter(organization_id__in=organization_ids)
    if most_guests is not None:
        guests = guests.order_by("-pk")[:most_guests]
    found = Booking.objects.filter(guest__in=guests.values("pk")).values("pk")
    code = search.strip().upper()
    if _CODE.fullmatch(code):
        # Apart: of two conditions in one statement PostgreSQL would use no index.
        found = found.union(Booking.objects.filter(confirmation_code__startswith=code).values("pk"))
    return Q(pk__in=found)


def guests_matching(search: str) -> Q:
    """A condition on guests: name, e-mail address and phone have these words.

    Raises:
        Invalid: text that is too long, or no text.
    """
    if len(search) > MAX_SEARCH:
        raise Invalid.field("search", f"This must have at most {MAX_SEARCH} characters.")
    # Neither NUL nor half of a character can be sent to the database.
    if "\0" in search or any("\ud800" <= character <= "\udfff" for character in search):
        raise Invalid.field("search", "This must be text.")
    return Q(_has_words(_words(search)))


def _words(search: str) -> str:
    """What is asked; of a phone number the digits, without the zero of a call from nearby."""
    digits = "".join(re.findall("[0-9]", search)).lstrip("0")
    is_phone = _PHONE.fullmatch(search.strip()) and len(digits) >= _LEAST_DIGITS
    return digits if is_phone else search


def _has_words(asked: str) -> CombinedExpression:
    document = Func(
        *map(F, ("name", "email", "phone")),
        function="guest_document",
        output_field=SearchVectorField(),
    )
    query = Func(Value(asked), function="venue_query", output_field=SearchQueryField())
    return CombinedExpression(document, "@@", query, output_field=BooleanField())
