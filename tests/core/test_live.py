"""Listening to the channel layer: what waits, what is rendered, and what was missed."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from websockets.frames import Frame, Opcode

from reserve.core import broadcast, live, pacing
from reserve.core.frames import text_frame
from reserve.core.graphql.streams import Rendered
from reserve.core.live import Change, Listener, Telling, TooSlow
from tests.processes import wait_until


class _Layer:
    """A channel layer that cannot be reached at first."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.fails = True

    async def new_channel(self) -> str:
        return "channel"

    async def group_add(self, group: str, _channel: str) -> None:
        if self.fails:
            raise RedisConnectionError
        self.groups.append(group)

    async def group_discard(self, group: str, _channel: str) -> None:
        self.groups.remove(group)

    def on_interruption(self, _told: Any) -> None:
        pass

    async def receive(self, _channel: str) -> Any:
        await asyncio.sleep(60)


def test_who_could_not_be_added_to_a_group_is_added_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = _Layer()
    monkeypatch.setattr(live, "get_channel_layer", lambda: layer)

    async def listen_twice() -> None:
        hub = live.Hub()
        with pytest.raises(RedisConnectionError):
            async with hub.listen("a group"):
                pass
        layer.fails = False
        async with hub.listen("a group"):
            assert layer.groups == ["a group"]
        assert layer.groups == []

    asyncio.run(listen_twice())


def _change(key: str, version: int) -> Change:
    return Change({"key": key, "version": version})


async def _taken(listener: Listener, number: int) -> list[tuple[str, int]]:
    taken = []
    async for change in listener.changes():
        taken.append((change.message["key"], change.message["version"]))
        if len(taken) == number:
            break
    return taken


def test_a_burst_on_one_thing_waits_as_its_latest_change() -> None:
    async def burst() -> list[tuple[str, int]]:
        listener = Listener()
        for version in range(10_000):
            listener.put(_change("hot", version))
            if version == 5:
                listener.put(_change("other", 1))
        return await _taken(listener, 2)

    assert asyncio.run(burst()) == [("other", 1), ("hot", 9_999)]


def test_whoever_does_not_read_is_let_go_and_holds_nothing() -> None:
    async def lag() -> None:
        listener = Listener()
        for number in range(live._MAX_WAITING + 1):
            listener.put(_change(str(number), 1))
        assert not listener._waiting
        with pytest.raises(TooSlow):
            await _taken(listener, 1)

    asyncio.run(lag())


@pytest.mark.parametrize("takes_time", [False, True])
def test_a_change_is_rendered_once_for_all_who_ask_the_same(takes_time: bool) -> None:
    executions = []

    def execute(event: Any) -> dict[str, Any] | Awaitable[dict[str, Any]]:
        executions.append(event)

        async def later() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return {"data": event.message["version"]}

        return later() if takes_time else {"data": event.message["version"]}

    async def one(change: Change, question: str) -> bytes:
        async def events() -> Any:
            yield change

        (payload,) = [payload async for payload in Rendered(events(), execute, question)]
        return payload

    async def listen() -> list[bytes]:
        change = _change("slot", 7)
        leaver = asyncio.create_task(one(change, "a"))
        await asyncio.sleep(0)
        leaver.cancel()
        return await asyncio.gather(
            *(one(change, "a") for _ in range(50)), *(one(change, "b") for _ in range(50))
        )

    assert set(asyncio.run(listen())) == {b'{"data":7}'}
    assert len(executions) == 2


def test_what_is_told_to_one_listener_is_rendered_for_each() -> None:
    """The control of the test above, and what keeps one listener's answer from another."""

    async def events() -> Any:
        yield {"for": "one"}

    async def ask(name: str) -> list[bytes]:
        return [payload async for payload in Rendered(events(), lambda _: {"data": name}, "a")]

    async def listen() -> list[list[bytes]]:
        return [await ask("Ada"), await ask("Bob")]

    assert asyncio.run(listen()) == [[b'{"data":"Ada"}'], [b'{"data":"Bob"}']]


def _cut_listeners() -> int:
    """Have Redis close every connection that only listens; returns how many."""
    client = Redis.from_url(settings.REDIS_URL)
    try:
        return int(client.client_kill_filter(_type="pubsub"))
    finally:
        client.close()


def test_after_a_cut_connection_listeners_hear_what_they_missed_and_what_comes() -> None:
    asked: list[datetime] = []

    async def recover(since: datetime) -> list[dict[str, Any]]:
        asked.append(since)
        return [{"key": "slot", "version": 2}]

    async def listen() -> tuple[list[tuple[str, int]], datetime]:
        hub = live.Hub()
        async with hub.listen("cut", recover=recover) as changes:
            before = datetime.now(UTC)
            assert await asyncio.to_thread(_cut_listeners) >= 1
            heard = []
            async for change in changes:
                heard.append((change.message["key"], change.message["version"]))
                if len(heard) == 2:
                    break
                await asyncio.to_thread(broadcast.publish, "cut", "slot", {"version": 3})
            return heard, before

    heard, before = asyncio.run(asyncio.wait_for(listen(), 20))
    assert heard == [("slot", 2), ("slot", 3)]
    (since,) = asked
    assert abs((since - before).total_seconds()) < 2


def test_what_could_not_be_published_is_published_later(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[tuple[str, str], Any]] = []
    failures = iter([True, True, False])

    def send(pending: dict[tuple[str, str], Any]) -> None:
        if next(failures, False):
            publisher.publish("venue", "b", {"version": 2})
            raise RedisConnectionError
        sent.append(dict(pending))

    monkeypatch.setattr(broadcast, "_send", send)
    monkeypatch.setattr(broadcast, "_PAUSE_AFTER_FAILURE_SECONDS", 0.01)
    publisher = broadcast._Publisher()
    publisher.publish("venue", "a", {"version": 1})
    publisher.publish("venue", "b", {"version": 1})
    wait_until(lambda: sent, seconds=10, interval=0.01)
    assert sent[0] == {("venue", "a"): {"version": 1}, ("venue", "b"): {"version": 2}}


def test_whoever_listens_for_one_thing_hears_of_no_other() -> None:
    async def listen() -> tuple[list[str], list[str]]:
        hub = live.Hub()
        async with hub.listen("things", key="b") as of_one, hub.listen("things") as of_all:
            for key in ("a", "b", "c"):
                broadcast.publish("things", key, {"version": 1})
            all_keys = [(await anext(of_all)).message["key"] for _ in range(3)]
            one = [(await anext(of_one)).message["key"]]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(of_one), 0.2)
        assert not hub._groups
        return all_keys, one

    assert asyncio.run(asyncio.wait_for(listen(), 20)) == (["a", "b", "c"], ["b"])


def test_changes_are_offered_at_once_only_where_none_waits() -> None:
    taken: list[tuple[str, int]] = []
    takes = True

    def offer(changes: Telling) -> bool:
        if takes:
            taken.extend((one.message["key"], one.message["version"]) for one in changes)
        return takes

    async def listen() -> list[tuple[str, int]]:
        nonlocal takes
        listener = Listener(offer)
        # Nobody iterates yet, and so nobody could be told in order.
        listener.put_all(Telling([_change("early", 1)]))
        reader = asyncio.create_task(_taken(listener, 4))
        await asyncio.sleep(0.01)
        listener.put_all(Telling([_change("a", 1), _change("b", 1)]))
        takes = False
        listener.put_all(Telling([_change("a", 2)]))
        takes = True
        # It comes after what waits, not before.
        listener.put_all(Telling([_change("a", 3), _change("b", 2)]))
        await asyncio.sleep(0.01)
        takes = False
        listener.put_all(Telling([_change("c", 1)]))
        return await reader

    assert asyncio.run(listen()) == [("early", 1), ("a", 3), ("b", 2), ("c", 1)]
    assert taken == [("a", 1), ("b", 1)]


def _spend(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_group_that_is_told_without_pause_is_told_together_and_leaves_time_for_others() -> None:
    tellings: list[list[int]] = []
    effort, work, seconds = 0.01, 0.004, 0.8

    def slow_offer(changes: Telling) -> bool:
        tellings.append([one.message["version"] for one in changes])
        _spend(effort)
        return True

    async def flood() -> float:
        group = live._Group(pacing.Pace())
        listener = Listener(slow_offer)
        group.add(listener, None)
        reader = asyncio.create_task(_taken(listener, 1))
        await asyncio.sleep(0.01)
        began, worked, version = time.process_time(), 0.0, 0
        # Never idle, as a process that has more to do than it can.
        while time.process_time() - began < seconds:
            version += 1
            group.hand_on({"key": str(version % 2), "version": version})
            _spend(work)
            worked += work
            await asyncio.sleep(0)
        told = len(tellings) * effort
        await asyncio.sleep(pacing.LONGEST_REST_SECONDS + 0.1)
        reader.cancel()
        # The first at once, and the last is never left out.
        assert tellings[0] == [1]
        assert tellings[-1][-1] == version
        assert all(len(versions) <= 2 for versions in tellings)
        return told / (told + worked)

    # Its credit, and a twentieth.
    assert asyncio.run(flood()) < (pacing.CREDIT_SECONDS + effort) / seconds + 0.08


def test_telling_that_is_all_that_a_process_does_waits_for_nothing() -> None:
    async def rests() -> list[float]:
        pace = pacing.Pace()
        found = []
        for _ in range(12):
            _spend(0.01)
            found.append(pace.rest_after(0.01))
            await asyncio.sleep(0.04)
        return found

    # A busy machine may look like work of our own for once.
    assert sum(rest > 0 for rest in asyncio.run(rests())) <= 2


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_frames_are_those_of_the_library(length: int) -> None:
    content = b"x" * length
    assert text_frame(content) == Frame(Opcode.TEXT, content).serialize(mask=False)
