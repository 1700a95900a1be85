"""Reads on a standby: it takes what it may, nobody sees less than they know, and it may go."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from prometheus_client.parser import text_string_to_metric_families

from accounts.actors import ANONYMOUS
from reserve.core import replica
from tests.clients import GraphQLApi
from tests.factories import make_resource, make_slot, seats_on, somebody
from tests.processes import wait_until, web_process
from tests.standby import standby_pair
from venues.models import Venue

pytestmark = pytest.mark.django_db(transaction=True)
CAPACITY = 30
_AVAILABLE = (
    "query Available($venueId: ID!, $date: Date!)"
    " { availableSlots(venueId: $venueId, date: $date) { remainingCapacity } }"
)
# Two seconds of patience, half a second until somebody looks, and the primary's answer.
_BOUND_SECONDS = 5.0


class _Client:
    def __init__(self, address: str, venue: Venue, day: str) -> None:
        self.api = GraphQLApi(address)
        self._address, self._venue, self._day = address, venue, day

    def seats(self) -> int:
        answer = self.api.ask(_AVAILABLE, {"venueId": self._venue.public_id, "date": self._day})
        return int(answer.body[0]["remainingCapacity"])

    def names(self) -> list[str]:
        answer = self.api.ask("{ venues(first: 5) { edges { node { name } } } }")
        return [edge["node"]["name"] for edge in answer.body["edges"]]

    def health(self) -> dict[str, Any]:
        """What `/health/ready` says of the replica; it is ready whatever that is."""
        answer = httpx.get(f"{self._address}/health/ready", timeout=10)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()["checks"]["replica"]
        return found

    def is_used(self) -> bool:
        return bool(self.health()["used"])

    def reads(self, server: str) -> float:
        text = httpx.get(f"{self._address}/metrics", timeout=10).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "reserve_replica_reads_total" and sample.labels["server"] == server
        )

    def is_read_on_replica(self, ask: Callable[[], object]) -> bool:
        before = self.reads("replica")
        ask()
        return self.reads("replica") > before


def test_a_standby_is_read_and_never_contradicts_anybody(tmp_path: Path) -> None:
    slot = make_slot(make_resource(capacity=CAPACITY))
    day = slot.venue.local(slot.starts_at).date().isoformat()
    with standby_pair(tmp_path) as pair:
        variables = {
            "DATABASE_URL": pair.url,
            "DATABASE_REPLICA_URL": pair.standby_url,
            "REPLICA_LAG_LIMIT": "3s",
        }
        with web_process(**variables) as address:
            client = _Client(address, slot.venue, day)
            left = CAPACITY

            def book() -> None:
                nonlocal left
                answer = client.api.create_booking(ANONYMOUS, seats_on(slot, 1, guest=somebody()))
                assert answer.code is None, answer
                left -= 1
                assert client.seats() == left

            wait_until(client.is_used)
            wait_until(lambda: client.is_read_on_replica(client.names))
            wait_until(lambda: client.is_read_on_replica(client.seats))
            for _ in range(5):
                book()

            pair.pause()
            _rename(pair.url, slot.venue, "Renamed")
            assert client.names() == [slot.venue.name], "the standby's, within the limit"
            book()
            wait_until(lambda: not client.is_used())
            assert client.names() == ["Renamed"]
            assert client.health()["behind_seconds"] > 3
            book()
            pair.resume()
            wait_until(client.is_used)
            assert client.names() == ["Renamed"]

            pair.freeze()
            began_at = time.monotonic()
            assert client.names() == ["Renamed"]
            assert time.monotonic() - began_at < _BOUND_SECONDS
            book()
            began_at = time.monotonic()
            assert not client.is_used()
            assert client.names() == ["Renamed"]
            assert time.monotonic() - began_at < 1
            pair.thaw()
            wait_until(client.is_used)


def _rename(url: str, venue: Venue, name: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE venues_venue SET name = %s WHERE id = %s", [name, venue.pk])


def test_nothing_is_read_there_in_a_transaction_or_for_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "DATABASE_REPLICA_URL", "postgresql:///nowhere", raising=False)
    monkeypatch.setattr(replica, "has_all_until", lambda: time.monotonic() - 1)
    # There is no such connection here: to try it would fail.
    with transaction.atomic():
        assert replica.read(replica.alias) == DEFAULT_DB_ALIAS
    assert replica.read(replica.alias, since=time.monotonic()) == DEFAULT_DB_ALIAS
    with pytest.raises(Exception, match="replica"):
        replica.read(replica.alias, since=time.monotonic() - 2)
