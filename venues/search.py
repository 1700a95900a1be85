"""Searching venues by name, place and nearness.

Words are made by functions of the database (migration 0003), the same for what is
stored and for what is asked: without accents and case, in any order. Only the
indexes on `venue_document` and `venue_words` may be asked by them.
"""

import math
from dataclasses import dataclass
from functools import partial

from django.contrib.postgres.search import SearchQueryField, SearchVectorField
from django.db.models import BooleanField, ExpressionWrapper, F, FloatField, Func, Q, Value
from django.db.models.expressions import Combinable, CombinedExpression
from django.db.models.functions import Abs, ASin, Cos, Greatest, Least, Power, Radians, Sin, Sqrt

from accounts.actors import ANONYMOUS, Actor
from reserve.core import replica
from reserve.core.errors import Invalid
from reserve.core.pages import Page, page_of
from venues.models import Venue
from venues.selectors import venues_visible_to

MAX_SEARCH = 200
MAX_RADIUS_KM = 500
DEFAULT_RADIUS_KM = 10
WRONG_RADIUS = f"This must be above 0 and at most {MAX_RADIUS_KM}."
_EARTH_RADIUS_KM = 6371.0088
_LEAST_DEGREES = 1e-9
_DOCUMENT = ("name", "street", "postal_code", "city", "region", "country")


@dataclass(frozen=True, slots=True)
class Near:
    """A circle on the ground: degrees of WGS 84, kilometres."""

    latitude: float
    longitude: float
    radius_km: float = DEFAULT_RADIUS_KM

    def check(self) -> None:
        """Raises Invalid where there is no such circle, or it is larger than MAX_RADIUS_KM."""
        errors = {
            name: [f"This must be from {least} to {most}."]
            for name, value, least, most in (
                ("latitude", self.latitude, -90, 90),
                ("longitude", self.longitude, -180, 180),
            )
            # What is no number compares with none.
            if not least <= value <= most
        }
        if not 0 < self.radius_km <= MAX_RADIUS_KM:
            errors["radius_km"] = [WRONG_RADIUS]
        if errors:
            raise Invalid(errors={f"near.{name}": texts for name, texts in errors.items()})


def search_venues(
    *,
    actor: Actor,
    search: str = "",
    city: str = "",
    near: Near | None = None,
    is_descending: bool = False,
    first: int,
    after: str | None = None,
    before: str | None = None,
) -> Page[Venue]:
    """A page of the venues that the actor may see: by name, or by distance where `near` is given.

    Args:
        search: words of a name or an address, in any order; the last may be a beginning.
        city: the whole name of a town.
        is_descending: the other way round.

    Venues near a point have `distance_km`, along the great circle.

    Raises:
        Invalid: text that is too long or no text, a circle that is none or too
            large, a page size or cursor that makes no sense.
    """
    _check_text(search=search, city=city)
    if near is not None:
        near.check()
    venues = venues_visible_to(actor)
    if search.strip():
        venues = venues.filter(_matches(search))
    if city.strip():
        venues = venues.filter(_is_in(city)).exclude(city="")
    page = partial(page_of, is_descending=is_descending, first=first, after=after, before=before)
    if near is None:
        found = partial(page, venues, order="name")
    else:
        nearby = venues.filter(_bounding_box(near)).annotate(distance_km=_distance_km(near))
        nearby = nearby.filter(distance_km__lte=near.radius_km)
        found = partial(page, nearby, order="distance_km", read=_distance)
    # Whoever has no account has changed no venue, and cannot miss what they did.
    return replica.read(found) if actor == ANONYMOUS else found()


def _check_text(**texts: str) -> None:
    for name, text in texts.items():
        if len(text) > MAX_SEARCH:
            raise Invalid.field(name, f"This must have at most {MAX_SEARCH} characters.")
        # Neither NUL nor half of a character can be sent to the database.
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise Invalid.field(name, "This must be text.")


def _matches(search: str) -> CombinedExpression:
    document = Func(*map(F, _DOCUMENT), function="venue_document", output_field=SearchVectorField())
    query = Func(Value(search), function="venue_query", output_field=SearchQueryField())
    return CombinedExpression(document, "@@", query, output_field=BooleanField())


def _is_in(city: str) -> CombinedExpression:
    stored, asked = (
        Func(text, function="venue_words", output_field=SearchVectorField())
        for text in (F("city"), Value(city))
    )
    return CombinedExpression(stored, "=", asked, output_field=BooleanField())


def _bounding_box(near: Near) -> Q:
    """The degrees beyond which no point is near enough, for the index (janmatuschek.de)."""
    angle = near.radius_km / _EARTH_RADIUS_KM
    south, north = (near.latitude + sign * math.degrees(angle) for sign in (-1, 1))
    box = Q(latitude__range=(south, north))
    if south <= -90 or north >= 90:  # noqa: PLR2004 (around a pole every meridian is near)
        return box
    reach = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(near.latitude))))
    west, east = near.longitude - reach, near.longitude + reach
    if west < -180:  # noqa: PLR2004 (across the antimeridian)
        return box & (Q(longitude__gte=west + 360) | Q(longitude__lte=east))
    if east > 180:  # noqa: PLR2004
        return box & (Q(longitude__gte=west) | Q(longitude__lte=east - 360))
    return box & Q(longitude__range=(west, east))


def _distance_km(near: Near) -> Combinable:
    """The great-circle distance by the haversine formula, good for short ones too."""
    half_north = _radians(F("latitude") - Value(near.latitude)) / Value(2.0)
    half_east = _radians(F("longitude") - Value(near.longitude)) / Value(2.0)
    cosines = Value(math.cos(math.radians(near.latitude))) * Cos(_radians(F("latitude")))
    haversine = Power(Sin(half_north), 2) + cosines * Power(Sin(half_east), 2)
    # Rounding must not leave the sine's range at the other end of the world.
    angle = ASin(Sqrt(Least(haversine, Value(1.0), output_field=FloatField())))
    return ExpressionWrapper(Value(2 * _EARTH_RADIUS_KM) * angle, output_field=FloatField())


def _radians(degrees: Combinable) -> Radians:
    """Of the size of an angle: sines are squared and cosines even.

    A tenth of a millimetre is the least, since PostgreSQL refuses to multiply what
    is nearly nothing (underflow).
    """
    size = Abs(degrees, output_field=FloatField())
    return Radians(Greatest(size, Value(_LEAST_DEGREES), output_field=FloatField()))


def _distance(text: str) -> float:
    distance = float(text)
    if not math.isfinite(distance):
        raise ValueError(text)
    return distance
