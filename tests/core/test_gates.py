"""Waiting without a queue for those who wait."""

import asyncio
import sys

from reserve.core.gates import Gate, Inbox


def test_a_gate_lets_all_through_who_wait_and_holds_back_who_comes_after() -> None:
    async def through() -> list[str]:
        gate, passed = Gate(), []

        async def pass_by(name: str) -> None:
            await gate.wait()
            passed.append(name)

        waiting = [asyncio.create_task(pass_by(name)) for name in "abc"]
        await asyncio.sleep(0)
        # Whoever gives up is in nobody's way.
        waiting[1].cancel()
        await asyncio.sleep(0)
        gate.set()
        # Closed again at once: those who waited were let through all the same.
        gate.clear()
        await asyncio.gather(*waiting, return_exceptions=True)
        late = asyncio.create_task(pass_by("late"))
        await asyncio.sleep(0.01)
        assert not late.done()
        gate.set()
        await late
        return passed

    assert asyncio.run(through()) == ["a", "c", "late"]


def test_an_inbox_keeps_the_order_and_loses_nothing_to_who_gives_up() -> None:
    async def take() -> list[int]:
        inbox = Inbox()
        leaver = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        leaver.cancel()
        await asyncio.sleep(0)
        reader = asyncio.create_task(inbox.get())
        await asyncio.sleep(0)
        for number in range(3):
            inbox.put_nowait(number)
        taken = [await reader, await inbox.get(), await inbox.get()]
        assert inbox.empty()
        return taken

    assert asyncio.run(take()) == [0, 1, 2]


def test_nobody_waiting_costs_next_to_nothing() -> None:
    assert sys.getsizeof(Gate()) < 100
    assert not hasattr(Gate(), "__dict__")
    assert not hasattr(Inbox(), "__dict__")
