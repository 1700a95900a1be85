"""Ids of venues, which are not this app's, in what its APIs take and answer."""

from collections.abc import Iterable
from uuid import UUID

from reserve.core.ids import format_id, parse_id

_PREFIX = "venue"


def parse_venue_ids(texts: Iterable[str]) -> list[UUID]:
    """Raises Invalid where one is no id of a venue."""
    return [parse_id(_PREFIX, text, field="venue_ids") for text in texts]


def format_venue_ids(venue_ids: Iterable[UUID]) -> list[str]:
    return [format_id(_PREFIX, venue_id) for venue_id in venue_ids]
