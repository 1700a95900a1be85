"""A storm of logins waits in a line of its own, and a line that is too long is refused."""

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts.errors import TooManyPasswords
from accounts.password_threads import PasswordThreads
from reserve.core.context import begin_request, request_id
from reserve.core.rest.problems import problem


@pytest.fixture
def gate():
    gate = threading.Event()
    yield gate
    gate.set()


def test_who_finds_too_many_waiting_is_turned_away_at_once(gate: threading.Event) -> None:
    threads = PasswordThreads(1, maximum=3, maximum_of_pages=1)

    async def storm() -> list[object]:
        calls = [asyncio.create_task(threads.from_loop(gate.wait, 20)) for _ in range(5)]
        await asyncio.sleep(0.05)
        refused = [call.exception() for call in calls if call.done()]
        gate.set()
        answered = await asyncio.gather(*calls, return_exceptions=True)
        assert [one for one in answered if one is True] == [True] * 3
        return refused

    refused = asyncio.run(storm())
    assert [type(one) for one in refused] == [TooManyPasswords] * 2
    # The places are free again.
    assert asyncio.run(threads.from_loop(lambda: "done")) == "done"
    response = problem(TooManyPasswords())
    assert (response.status_code, response["Retry-After"]) == (503, "1")


def test_page_threads_are_kept_for_others(gate: threading.Event) -> None:
    threads = PasswordThreads(1, maximum=9, maximum_of_pages=2)
    with ThreadPoolExecutor(3) as pages:
        waiting = [pages.submit(threads.from_page, gate.wait, 20) for _ in range(2)]
        while threads._page_places._value:
            pass
        with pytest.raises(TooManyPasswords):
            pages.submit(threads.from_page, gate.wait, 20).result(5)
        gate.set()
        assert [call.result(5) for call in waiting] == [True, True]
    assert threads.from_page(lambda: "done") == "done"


def test_a_caller_who_goes_away_leaves_no_place_taken(gate: threading.Event) -> None:
    threads = PasswordThreads(1, maximum=2, maximum_of_pages=1)

    async def give_up() -> None:
        calls = [asyncio.create_task(threads.from_loop(gate.wait, 20)) for _ in range(2)]
        await asyncio.sleep(0.05)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        gate.set()

    asyncio.run(give_up())
    assert asyncio.run(threads.from_loop(lambda: "done")) == "done"


def test_errors_and_the_request_id_pass_through() -> None:
    threads = PasswordThreads(1, maximum=1, maximum_of_pages=1)
    begin_request("one")
    assert threads.from_page(request_id) == "one"
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            threads.from_page(lambda: 1 // 0)


@pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere threads have no priority.")
def test_the_threads_yield_to_all_others() -> None:
    threads = PasswordThreads(1, maximum=1, maximum_of_pages=1)

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert threads.from_page(niceness) == niceness() + 5
