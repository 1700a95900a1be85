"""`make dev` from its first start to its end, in two clones at once.

The tests of this module share the two clones and go through their life in order.
"""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from tests.embedded.children import needs_servers
from tests.embedded.clones import Clone
from tests.processes import answers, wait_until

pytestmark = needs_servers

_SECOND_START_SECONDS = 20


@dataclass
class Lives:
    """The clones, and what earlier tests know of them."""

    first: Clone
    second: Clone
    booking_ids: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def clones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lives]:
    """Two clones in folders with long names and spaces; one of them loses its first start."""
    folder = tmp_path_factory.mktemp("clones")
    long = folder / ("a long name with spaces " * 5).strip() / "an apostrophe's clone"
    both = Lives(Clone(long), Clone(folder / "second clone"))
    assert len(str(long)) > 150
    try:
        both.first.start()
        both.second.start()
        both.second.says("Applying")
        both.second.lose_power()
        assert (both.second.folder / "var" / "postgres" / "postmaster.pid").exists()
        assert (both.second.folder / "var" / "run" / "redis.pid").exists()
        both.second.start()
        both.first.is_ready()
        both.second.is_ready()
        yield both
    finally:
        both.first.tidy()
        both.second.tidy()


def test_two_clones_run_at_once_each_with_its_own_demo(clones: Lives) -> None:
    venues = "{ venues { totalCount edges { node { id } } } }"
    found = [clone.query(venues) for clone in (clones.first, clones.second)]
    assert [answer["totalCount"] for answer in found] == [5, 5]
    first, second = ({edge["node"]["id"] for edge in answer["edges"]} for answer in found)
    assert not first & second


def test_the_greeting_has_a_document_that_books_a_table(clones: Lives) -> None:
    for clone in (clones.first, clones.second):
        assert clone.url in clone.output()
        assert "Traceback" not in clone.output()
        assert "Warning" not in clone.output()
    clones.booking_ids.append(_book(clones.first))


def test_what_dies_is_reported_and_started_again(clones: Lives) -> None:
    clone = clones.first
    old = {
        "web": clone.resident("reserve.embedded.web"),
        "worker": clone.resident("celery", "worker"),
        "beat": clone.resident("celery", "beat"),
    }
    for pid in old.values():
        os.kill(pid, signal.SIGKILL)
    # The socket outlives the process: this waits for the next one.
    assert httpx.get(f"{clone.url}/health/live", timeout=20).status_code == 200
    for name in old:
        clone.says(f"{name} was killed by SIGKILL. Starting it again in 0.5 s.")
    clones.booking_ids.append(_book(clone))
    assert not set(old.values()) & set(clone.residents())


def test_servers_that_die_come_back_with_their_data(clones: Lives) -> None:
    clone = clones.first
    found = clone.servers()
    for pid in (*found["pids"].values(), found["keeper"]):
        os.kill(pid, signal.SIGKILL)
    clone.says("The embedded servers were gone and run again.")
    wait_until(lambda: answers(f"{clone.url}/health/ready"))
    _assert_confirmed(clone, clones.booking_ids)
    clones.booking_ids.append(_book(clone))


def test_changed_code_is_loaded(clones: Lives) -> None:
    clone = clones.first
    clone.change("reserve/health.py", lambda text: text.replace('{"status": "ok"}', '{"new": 1}'))
    clone.says("reserve/health.py changed. Restarting.")
    # A half-written file stops the process. The next change brings it back.
    wait_until(lambda: "new" in _text_of(f"{clone.url}/health/live"), seconds=60)


def _text_of(url: str) -> str:
    """What is answered, and nothing where nobody answers yet."""
    try:
        return httpx.get(url, timeout=5).text
    except httpx.TransportError:
        return ""


def test_sigterm_to_make_ends_all_and_a_second_start_takes_seconds(clones: Lives) -> None:
    clone = clones.first
    clone.make.send_signal(signal.SIGTERM)
    assert clone.ends() == -signal.SIGTERM
    assert "Stopped. The data stays in var/." in clone.output()

    clone.start()
    assert clone.is_ready() < _SECOND_START_SECONDS
    assert "Loading" not in clone.output()
    assert "Installing" not in clone.output()
    _assert_confirmed(clone, clones.booking_ids)


def test_control_c_ends_all(clones: Lives) -> None:
    os.killpg(clones.second.make.pid, signal.SIGINT)
    assert clones.second.ends() == -signal.SIGINT
    assert "Traceback" not in clones.second.output()


def test_a_killed_make_ends_all(clones: Lives) -> None:
    clones.first.make.kill()
    assert clones.first.ends() == -signal.SIGKILL
    assert not answers(f"{clones.first.url}/health/live")


def _documents(clone: Clone) -> dict[str, str]:
    """What the greeting offers to paste, by the name of the operation."""
    text = clone.output()
    text = text[text.index("mutation Login") :]
    found = re.findall(r"^((?:query|mutation) (\w+) \{.*?^\})", text, re.MULTILINE | re.DOTALL)
    return {name: document for document, name in found}


def _token(clone: Clone) -> str:
    login = clone.query(_documents(clone)["Login"])
    return str(login["accessToken"])


def _book(clone: Clone) -> str:
    """Book by the greeting's documents, and see the worker confirm it; the booking's id."""
    token = _token(clone)
    booking = clone.query(_documents(clone)["CreateBooking"], token)
    assert booking["status"] == "PENDING"
    wait_until(lambda: _status(clone, booking["id"], token) == "CONFIRMED", seconds=30)
    return str(booking["id"])


def _assert_confirmed(clone: Clone, booking_ids: list[str]) -> None:
    token = _token(clone)
    assert {_status(clone, id_, token) for id_ in booking_ids} == {"CONFIRMED"}


def _status(clone: Clone, booking_id: str, token: str) -> str:
    found = clone.query(f'{{ booking(id: "{booking_id}") {{ status }} }}', token)
    return str(found["status"])
