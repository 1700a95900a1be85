"""A client that is generated from `openapi.yaml` imports, and drives a running server."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bookings.models import Booking, Slot
from reserve.core.ids import new_id
from tests.factories import PASSWORD, make_login_user, make_resource, make_slot, make_venue
from tests.processes import PROJECT

pytestmark = pytest.mark.django_db(transaction=True)

_PACKAGE = "reserve_client"
_CONFIGURATION = f"post_hooks: []\npackage_name_override: {_PACKAGE}\n"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of the generated package; a schema that it has to skip parts of fails."""
    folder = tmp_path_factory.mktemp("generated")
    configuration = folder / "configuration.yaml"
    configuration.write_text(_CONFIGURATION)
    arguments = {
        "--path": PROJECT / "openapi.yaml",
        "--config": configuration,
        "--meta": "none",
        "--output-path": folder / _PACKAGE,
    }
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--fail-on-warning"),
            *(str(part) for pair in arguments.items() for part in pair),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    sys.path.insert(0, str(folder))
    try:
        yield folder / _PACKAGE
    finally:
        sys.path.remove(str(folder))
        for name in [each for each in sys.modules if each.partition(".")[0] == _PACKAGE]:
            del sys.modules[name]


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{_PACKAGE}.{name}")


def _call(operation: str, **arguments: Any) -> Any:
    return _module(f"api.{operation}").sync(**arguments)


def test_every_module_of_it_imports(generated: Path) -> None:
    modules = [
        ".".join(path.relative_to(generated).with_suffix("").parts)
        for path in generated.rglob("*.py")
        if path.name != "__init__.py"
    ]
    assert len(modules) > 150
    for module in modules:
        _module(module)


def test_it_logs_in_books_and_cancels(generated: Path, server: str) -> None:
    user = make_login_user()
    slot = make_slot(make_resource(make_venue()))
    models = _module("models")
    anonymous = _module("client").Client(server, raise_on_unexpected_status=True)

    tokens = _call("auth.log_in", client=anonymous, body=models.LoginRequest(user.email, PASSWORD))
    assert tokens.user.email == user.email
    client = _module("client").AuthenticatedClient(
        server, tokens.access_token, raise_on_unexpected_status=True
    )

    venues = _call("venues.list_venues", client=client)
    assert slot.venue.public_id in [each.id for each in venues.results]
    slots = _call(
        "venues.list_slots",
        client=client,
        venue=slot.venue.public_id,
        date=slot.starts_at.date(),
    )
    assert [each.id for each in slots] == [slot.public_id]
    assert slots[0].start_time == slot.starts_at

    wanted = models.SeatsRequest(
        venue_id=slot.venue.public_id, slot_id=slot.public_id, guest_count=4
    )
    booked, again = (
        _call("bookings.create_booking", client=client, body=wanted, idempotency_key="first")
        for _ in range(2)
    )
    assert booked.id == again.id
    assert booked.status == models.BookingStatus.PENDING
    assert booked.slot.remaining_capacity == 6
    mine = _call("bookings.list_my_bookings", client=client)
    assert [each.id for each in mine.results] == [booked.id]

    cancelled = _call("bookings.cancel_booking", client=client, booking=booked.id)
    assert cancelled.status == models.BookingStatus.CANCELLED
    assert cancelled.cancelled_at.tzinfo is not None
    assert [each.status for each in Booking.objects.all()] == ["CANCELLED"]


def test_it_reads_refusals_as_problems(generated: Path, server: str) -> None:
    slot = make_slot(make_resource(make_venue()))
    models = _module("models")
    client = _module("client").Client(server, raise_on_unexpected_status=True)
    guest = models.GuestRequest(name="Ada Guest", email="ada@example.org")

    def refusal(slot_id: str, guest_count: int) -> Any:
        wanted = models.SeatsRequest(
            venue_id=slot.venue.public_id, slot_id=slot_id, guest_count=guest_count, guest=guest
        )
        answer = _module("api.bookings.create_booking").sync_detailed(client=client, body=wanted)
        assert answer.parsed.status == answer.status_code
        assert answer.parsed.request_id == answer.headers["X-Request-ID"]
        return answer.parsed

    full = refusal(slot.public_id, 11)
    assert (full.code, full.remaining_capacity) == (models.ProblemCode.SLOT_UNAVAILABLE, 10)
    assert refusal(Slot.format_id(new_id()), 1).code == models.ProblemCode.NOT_FOUND
    wrong = refusal(slot.public_id, 0)
    assert wrong.code == models.ProblemCode.BAD_USER_INPUT
    assert list(wrong.errors.additional_properties) == ["guest_count"]
    unknown = _call("me.get_me", client=client)
    assert unknown.code == models.ProblemCode.UNAUTHENTICATED
    assert not Booking.objects.exists()
