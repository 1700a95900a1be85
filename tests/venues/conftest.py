"""Who asks, and what there is of everything that a service may write."""

from collections.abc import Callable
from typing import Any

import pytest

from reserve.core.errors import Invalid
from reserve.outbox.models import Event
from venues.models import Closure, OpeningHours, Resource, SpecialHours, Venue

_TABLES = (Venue, Resource, OpeningHours, SpecialHours, Closure, Event)


def everything() -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables that venues have."""
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in _TABLES}


@pytest.fixture
def refused() -> Callable[..., dict[str, list[str]]]:
    """Calls a service that has to refuse, and write nothing; gives the sentences by field."""

    def call(service: Callable[..., object], **arguments: Any) -> dict[str, list[str]]:
        before = everything()
        with pytest.raises(Invalid) as refusal:
            service(**arguments)
        assert everything() == before
        errors: dict[str, list[str]] = refusal.value.details["errors"]
        sentences = [sentence for found in errors.values() for sentence in found]
        assert all(sentence.endswith(".") for sentence in sentences), sentences
        return errors

    return call
