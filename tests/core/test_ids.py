from itertools import islice
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from reserve.core.errors import Invalid
from reserve.core.ids import following_ids, format_id, new_id, parse_id


@given(st.uuids())
def test_an_id_survives_the_way_out_and_back(value: UUID) -> None:
    text = format_id("venue", value)
    assert text.startswith("venue_")
    assert len(text) == len("venue_") + 26
    assert parse_id("venue", text) == value
    assert text == f"venue_{ULID.from_bytes(value.bytes)}"


def test_ids_sort_by_the_time_of_their_making() -> None:
    made = [new_id() for _ in range(3)]
    assert format_id("slot", made[0])[:14] <= format_id("slot", made[2])[:14]
    assert len(set(made)) == 3


def test_ids_that_follow_each_other_sort_as_they_were_made_and_are_as_any_others() -> None:
    before = new_id()
    made = list(islice(following_ids(), 100))
    assert made == sorted(set(made))
    assert format_id("event", before)[:16] <= format_id("event", made[0])[:16]
    assert set(made).isdisjoint(islice(following_ids(), 100))
    for each in (before, made[-1]):
        same = UUID(str(each))
        assert (each, hash(each), each.is_safe) == (same, hash(same), same.is_safe)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "venue",
        "venue_",
        "slot_01HQ3K5W6X7Y8Z9A0B1C2D3E4F",
        "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4",
        "venue_81HQ3K5W6X7Y8Z9A0B1C2D3E4F",
        "venue_01hq3k5w6x7y8z9a0b1c2d3e4f",
        "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4U",
        "venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F\n",
        "venue_٠1HQ3K5W6X7Y8Z9A0B1C2D3E4F",
        None,
        7,
        True,
        ["venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F"],
    ],
)
def test_anything_else_is_refused_and_names_its_field(text: object) -> None:
    with pytest.raises(Invalid) as refused:
        parse_id("venue", text, field="venue_id")
    assert list(refused.value.details["errors"]) == ["venue_id"]
