"""Searching venues by words, town and nearness."""

import math
from collections.abc import Callable
from contextlib import nullcontext

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.actors import ANONYMOUS, SYSTEM, Actor, account
from reserve.core.errors import Invalid
from reserve.core.pages import Page
from tests.factories import make_customer, make_member, make_organization, make_venue
from venues.models import Venue
from venues.search import MAX_SEARCH, Near, search_venues

pytestmark = pytest.mark.django_db

COPENHAGEN, MALMOE, HAMBURG = (55.6761, 12.5683), (55.6050, 13.0038), (53.5511, 9.9937)


def _found(actor: Actor = ANONYMOUS, **asked) -> list[Venue]:
    return list(search_venues(actor=actor, first=100, **asked).items)


def _at(position: tuple[float, float], **fields) -> Venue:
    return make_venue(latitude=position[0], longitude=position[1], **fields)


@pytest.mark.parametrize(
    "search",
    [
        "Café Zoë",
        "zoë",
        "ZOE",
        "zoe\u0308",
        "cafe",
        "zoe café",
        "ca",
        "zoe co",
        "copenhagen zoe",
        "zoe 1455",
        "  zoe   ",
        "zoe's",
        "zoe!",
        "l'avenue zoe",
        "koblenzer strasse",
        "koblenzer Straße",
        "smorrebrod",
        "(zoe) & <-> | !co:*",
    ],
)
def test_words_of_name_and_place_are_found_in_any_order(search: str) -> None:
    zoe = make_venue(
        name="Café Zoë's Smørrebrød – L'Avenue",
        street="Koblenzer Straße 3",
        postal_code="1455",
        city="Copenhagen",
    )
    make_venue(name="Tivoli", city="Aarhus")
    assert _found(search=search) == [zoe]


@pytest.mark.parametrize(
    "search", ["afé", "zo copenhagen", "zoe aarhus", "!!!", "🍕", "zoeë", "' OR 1"]
)
def test_what_is_not_there_is_not_found(search: str) -> None:
    make_venue(name="Café Zoë", city="Copenhagen")
    make_venue(name="Tivoli", city="Aarhus")
    assert _found(search=search) == []


def test_other_scripts_are_searched_too() -> None:
    names = ["Кафе Пушкинъ", "東京タワー", "Ταβέρνα Ζωή", "🍕 Place"]
    venues = [make_venue(name=name) for name in names]
    for venue, search in zip(venues, ["пушк", "東京", "ζωη", "🍕 place"], strict=True):
        assert _found(search=search) == [venue]


def test_without_words_all_are_listed_by_name() -> None:
    venues = [make_venue(name=name) for name in ("B", "A")]
    assert _found() == _found(search="  ") == venues[::-1]


def test_a_town_is_named_whole_and_goes_together_with_words() -> None:
    york = make_venue(name="Castle", city="York")
    make_venue(name="Castle", city="New York")
    make_venue(name="York", city="")
    arhus = make_venue(name="Castle", city="Århus")
    assert _found(city="york") == [york]
    assert _found(city="arhus") == [arhus]
    assert _found(city="yor") == _found(city="!") == []
    assert _found(city="York", search="castle") == [york]
    assert _found(city="York", search="tower") == []


@given(
    text=st.text(max_size=MAX_SEARCH) | st.text("'\"\\:*&|!<->()%_ a\u0300ﷺ", max_size=MAX_SEARCH)
)
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_is_an_error_of_ours(text: str) -> None:
    for asked in ({"search": text}, {"city": text}):
        with nullcontext() if "\0" not in text else pytest.raises(Invalid):
            _found(**asked)


def test_any_name_can_be_stored() -> None:
    for name in ("ﷺ" * 200, "x" * 200, "'\\\"", "\u0300", "&|!"):
        assert _found(search=make_venue(name=name).name) is not None


@pytest.mark.parametrize("text", ["x" * 10_000, "a\0b", "\ud800"])
@pytest.mark.parametrize("field", ["search", "city"])
def test_text_that_is_too_long_or_none_is_refused(field: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        _found(**{field: text})
    assert list(refused.value.details["errors"]) == [field]


@pytest.mark.parametrize("asked", [{}, {"search": "secret"}, {"city": "Hidden"}, {"near": 1}])
def test_only_venues_that_the_actor_may_see_are_found_and_counted(asked) -> None:
    asked = asked and ({"near": Near(*COPENHAGEN)} if "near" in asked else asked)
    organization = make_organization()
    fields = {"name": "Secret", "city": "Hidden", "organization": organization}
    private = _at(COPENHAGEN, is_public=False, **fields)
    public = _at(COPENHAGEN, **fields)

    def counted(actor: Actor) -> tuple[set[Venue], int]:
        page = search_venues(actor=actor, first=9, **asked)
        return set(page.items), page.total

    assert counted(ANONYMOUS) == counted(make_customer()) == ({public}, 1)
    assert counted(account(make_member(make_organization()).pk)) == ({public}, 1)
    assert counted(account(make_member(organization).pk)) == ({public, private}, 2)
    assert counted(SYSTEM) == ({public, private}, 2)


# --- Nearness ------------------------------------------------------------------------------


def test_the_nearest_come_first_with_their_distance() -> None:
    there = _at(MALMOE)
    here = _at(COPENHAGEN)
    _at(HAMBURG)
    make_venue()
    found = _found(near=Near(*COPENHAGEN, radius_km=50))
    assert found == [here, there]
    assert [venue.distance_km for venue in found] == pytest.approx([0, 28.46], abs=0.05)
    assert _found(near=Near(*COPENHAGEN, radius_km=28)) == [here]
    far = _found(near=Near(*COPENHAGEN, radius_km=300))
    assert far[-1].distance_km == pytest.approx(288.5, abs=1)


degrees = st.tuples(st.floats(-90, 90), st.floats(-180, 180))


@given(centre=degrees, turn=st.floats(0, 360), share=st.floats(0, 2), radius=st.floats(0.1, 500))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_box_of_the_index_holds_the_whole_circle(
    venue_anywhere: Callable[[tuple[float, float]], Venue],
    centre: tuple[float, float],
    turn: float,
    share: float,
    radius: float,
) -> None:
    venue = venue_anywhere(_travel(centre, turn, share * radius))
    found = _found(near=Near(*centre, radius_km=radius))
    if share < 0.999:
        assert found == [venue]
        assert found[0].distance_km == pytest.approx(share * radius, abs=0.001)
    elif share > 1.001:
        assert found == []


@pytest.fixture
def venue_anywhere() -> Callable[[tuple[float, float]], Venue]:
    venue = make_venue()

    def move(position: tuple[float, float]) -> Venue:
        venue.latitude, venue.longitude = position
        venue.save()
        return venue

    return move


def _travel(start: tuple[float, float], turn: float, distance_km: float) -> tuple[float, float]:
    """Where one is after a great-circle way (movable-type.co.uk/scripts/latlong.html)."""
    latitude, longitude, bearing = map(math.radians, (*start, turn))
    angle = distance_km / 6371.0088
    sine = math.sin(latitude) * math.cos(angle)
    sine += math.cos(latitude) * math.sin(angle) * math.cos(bearing)
    end = math.asin(max(-1, min(1, sine)))
    longitude += math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(latitude),
        math.cos(angle) - math.sin(latitude) * math.sin(end),
    )
    return math.degrees(end), (math.degrees(longitude) + 540) % 360 - 180


@pytest.mark.parametrize(
    ("near", "field"),
    [
        (Near(91, 0), "near.latitude"),
        (Near(0, -181), "near.longitude"),
        (Near(math.nan, 0), "near.latitude"),
        (Near(0, math.inf), "near.longitude"),
        (Near(0, 0, 0), "near.radius_km"),
        (Near(0, 0, 501), "near.radius_km"),
        (Near(0, 0, math.nan), "near.radius_km"),
    ],
)
def test_a_circle_that_is_none_is_refused(near: Near, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        _found(near=near)
    assert list(refused.value.details["errors"]) == [field]


# --- Pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("near", [None, Near(*COPENHAGEN, radius_km=500)], ids=["name", "near"])
def test_pages_lead_forward_and_back_through_all(near: Near | None) -> None:
    for number in range(7):
        _at((COPENHAGEN[0] + number // 2 / 10, COPENHAGEN[1]), name=f"Same {number // 3}")
    everything = _found(near=near)
    assert len(everything) == 7

    def page(**place) -> Page[Venue]:
        return search_venues(actor=ANONYMOUS, near=near, first=3, **place)

    first = page()
    second = page(after=first.cursors[-1])
    third = page(after=second.cursors[-1])
    assert [*first.items, *second.items, *third.items] == everything
    assert [(one.has_previous, one.has_next) for one in (first, second, third)] == [
        (False, True),
        (True, True),
        (True, False),
    ]
    assert {one.total for one in (first, second, third)} == {7}
    back = page(before=third.cursors[0])
    assert back.items == second.items
    assert (back.has_previous, back.has_next) == (True, True)
    start = page(before=back.cursors[0])
    assert (start.items, start.has_previous) == (first.items, False)


@pytest.mark.parametrize("cursor", ["x", "AAAA", "bmFu" * 20, "ZmZm" * 11 + "AAAA"])
@pytest.mark.parametrize("field", ["after", "before"])
def test_a_cursor_that_is_not_ours_is_refused(field: str, cursor: str) -> None:
    for near in (None, Near(*COPENHAGEN)):
        with pytest.raises(Invalid) as refused:
            search_venues(actor=ANONYMOUS, first=3, near=near, **{field: cursor})
        assert list(refused.value.details["errors"]) == [field]


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("asked", [{}, {"search": "venue"}, {"near": Near(*COPENHAGEN)}])
def test_a_search_costs_the_same_for_one_venue_as_for_twenty(
    rows: int, asked, django_assert_num_queries
) -> None:
    for _ in range(rows):
        _at(COPENHAGEN)
    with django_assert_num_queries(2):
        assert len(_found(**asked)) == rows


def test_the_functions_of_the_search_ask_for_no_schema(db) -> None:
    """As pg_restore calls them: with an empty search path."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path = ''")
        cursor.execute("SELECT public.venue_query('Zoë’s café')::text")
        assert cursor.fetchone() == ("'zoe' & 's' & 'cafe':*",)
