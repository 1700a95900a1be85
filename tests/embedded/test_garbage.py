"""What has ended leaves nothing that only the garbage collector finds.

What it finds late is memory that grows meanwhile: with each socket that came and went.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from accounts.actors import account
from accounts.models import Role
from tests.factories import bearer, make_member, make_slot
from tests.processes import answers, free_port, process, wait_until
from tests.sockets import initialise, open_socket

pytestmark = pytest.mark.django_db(transaction=True)

_TIMES = 10
# Of any type that there is one of for each connection, request or subscription.
_FEW = _TIMES // 2


def test_sockets_and_calls_that_have_ended_leave_nothing_to_the_collector(tmp_path: Path) -> None:
    venue = make_slot().venue
    staff = account(make_member(venue.organization, Role.STAFF).pk)
    with _web_process(tmp_path / "garbage.json") as (address, look):
        sockets = address.replace("http", "ws", 1)

        def call() -> None:
            with httpx.Client() as client:
                body = {"query": "{ __typename }"}
                assert client.post(f"{address}/graphql", json=body).status_code == 200

        def subscribe() -> None:
            with open_socket(address) as socket:
                initialise(socket, staff).watch(venue.public_id)

        def watch_board() -> None:
            headers = {"Authorization": bearer(staff)}
            board = f"{sockets}/ws/venues/{venue.public_id}/"
            with connect(board, additional_headers=headers) as socket:
                socket.send(json.dumps({"type": "ping"}))
                socket.recv(5)

        def be_refused() -> None:
            with suppress(InvalidStatus), connect(f"{sockets}/nowhere"):
                pass

        for way in (call, subscribe, watch_board, be_refused):
            way()
            look()
            for _ in range(_TIMES):
                way()
            found = {
                name: number
                for name, number in look().items()
                # Small functions of libraries that call themselves are no matter.
                if number > _FEW and not name.startswith("builtins.")
            }
            assert found == {}, way.__name__


@contextmanager
def _web_process(told: Path) -> Iterator[tuple[str, Callable[[], dict[str, int]]]]:
    """Its address, and what tells how many objects of each type only the collector found."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = ("-m", "tests.garbage", "--bind", "127.0.0.1", str(port))
    with process(*command, GARBAGE_FILE=str(told)) as running:

        def look() -> dict[str, int]:
            # An answer may be with its caller before the process is done with it.
            wait_until(lambda: answers(f"{address}/health/live"))
            told.unlink(missing_ok=True)
            os.kill(running.pid, signal.SIGUSR1)
            wait_until(told.exists)
            found: dict[str, int] = json.loads(told.read_text())
            return found

        wait_until(lambda: answers(f"{address}/health/live"))
        yield address, look
