"""Redis behind Sentinel: its master dies, bookings go on, and the rest comes back by itself."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import redis

from accounts.actors import ANONYMOUS
from bookings.models import Booking
from bookings.states import BookingStatus
from reserve.embedded.binaries import redis_server
from tests.clients import GraphQLApi
from tests.factories import make_resource, make_slot, seats_on, somebody
from tests.processes import free_port, process, wait_until, web_process
from tests.sockets import initialise, open_socket
from venues.models import Venue

SERVICE = "seats"
_WORKER = ("-m", "celery", "-A", "reserve", "worker", "--concurrency", "2", "--beat")
# From the death on, with what this Sentinel takes: from half a second to four.
_BACK_WITHIN_SECONDS = 20


class Group:
    """A master, a replica and a Sentinel; the address names another one first, which is gone."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self._root, self._stack = root, stack
        master, self._replica, self._sentinel = (free_port() for _ in range(3))
        self.master = self._start("master", "--port", str(master))
        self._start(
            "replica", "--port", str(self._replica), "--replicaof", "127.0.0.1", str(master)
        )
        # What Sentinel does not see when it first looks it sees ten seconds later.
        wait_until(self._is_synchronised)
        configuration = root / "sentinel.conf"
        configuration.write_text(
            f"port {self._sentinel}\nsentinel monitor {SERVICE} 127.0.0.1 {master} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 500\n"
            f"sentinel failover-timeout {SERVICE} 1500\n"
        )
        self._start("sentinel", str(configuration), "--sentinel")
        wait_until(self._knows_replica)
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{self._sentinel}"
        self.url = f"sentinel://{hosts}/{SERVICE}/1"

    def _start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        folder = self._root / name
        folder.mkdir()
        if "--sentinel" not in options:
            options = (*options, "--save", "", "--bind", "127.0.0.1", "--repl-diskless-sync", "no")
        running = subprocess.Popen(
            [str(redis_server()), *options], cwd=folder, stdout=subprocess.DEVNULL
        )
        self._stack.callback(running.wait, 10)
        self._stack.callback(running.kill)
        return running

    def _is_synchronised(self) -> bool:
        with suppress(redis.RedisError), redis.Redis(port=self._replica) as client:
            return client.info("replication").get("master_link_status") == "up"
        return False

    def _knows_replica(self) -> bool:
        with suppress(redis.RedisError), redis.Redis(port=self._sentinel) as client:
            return bool(client.execute_command("SENTINEL", "REPLICAS", SERVICE))
        return False


@contextmanager
def _group(root: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        yield Group(root, stack)


@pytest.mark.django_db(transaction=True)
def test_a_dead_master_stops_no_booking_and_the_next_one_is_found(tmp_path: Path) -> None:
    slot = make_slot(make_resource(capacity=20))
    with (
        _group(tmp_path) as group,
        web_process(REDIS_URL=group.url) as address,
        process(*_WORKER, REDIS_URL=group.url),
        open_socket(address) as connection,
    ):
        api = GraphQLApi(address)
        socket = initialise(connection)
        socket.watch(Venue.format_id(slot.venue_id))
        booked = 0

        def book() -> None:
            nonlocal booked
            answer = api.create_booking(ANONYMOUS, seats_on(slot, 1, guest=somebody()))
            assert answer.code is None, answer
            booked += 1

        def heard() -> int:
            """Of the last change: how many seats are left."""
            return int(
                socket.receive()["payload"]["data"]["slotAvailabilityChanged"]["remainingCapacity"]
            )

        book()
        assert heard() == 19
        wait_until(lambda: _confirmed() == 1)

        group.master.kill()
        died_at = time.monotonic()
        while time.monotonic() < died_at + 3:
            began_at = time.monotonic()
            book()
            assert time.monotonic() - began_at < 2
            time.sleep(0.5)
        assert booked > 3
        left = died_at + _BACK_WITHIN_SECONDS - time.monotonic()
        wait_until(lambda: _confirmed() == booked, seconds=left)
        # What was missed is told in the end, as it is then.
        while heard() != 20 - booked:
            assert time.monotonic() < died_at + _BACK_WITHIN_SECONDS
        book()
        assert heard() == 20 - booked
        wait_until(lambda: _confirmed() == booked, seconds=5)


def _confirmed() -> int:
    return Booking.objects.filter(status=BookingStatus.CONFIRMED).count()
