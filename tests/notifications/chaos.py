"""What may go wrong with workers, the broker and the servers, all at once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

from celery import Celery
from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from reserve.embedded import commands
from reserve.outbox.models import Event
from tests.notifications.servers import MailServer, PushService
from tests.processes import PROJECT, children_of, environment
from tests.redis_server import OwnRedis

_TASKS = {
    "reserve.outbox.tasks.relay_events": "1-events",
    "notifications.tasks.send_prompt_deliveries": "2-messages",
}


class Staff:
    """Two workers and a beat, each started again as soon as it is gone."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._commands = {"a": commands.worker(), "b": commands.worker(), "beat": commands.beat()}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.kills = 0

    def look_after(self) -> None:
        for name, command in self._commands.items():
            running = self._running.get(name)
            if running is None or running.poll() is not None:
                self._running[name] = subprocess.Popen(
                    command,
                    cwd=PROJECT,
                    env=environment(**self._variables),
                    start_new_session=True,
                    stderr=subprocess.DEVNULL,
                )

    def kill_child(self, name: str) -> None:
        """Kill one process of a worker's pool, in the middle of what it does."""
        children = children_of(self._running[name].pid)
        if children:
            self._kill(random.choice(children))

    def kill_parent(self, name: str) -> None:
        """Kill a worker; its pool is left to notice."""
        self._kill(self._running[name].pid)

    def kill_all(self, name: str) -> None:
        """Kill a worker with its pool."""
        pid = self._running[name].pid
        for each in (pid, *children_of(pid)):
            self._kill(each)

    def stop(self) -> None:
        for running in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait()

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills += 1


class Trouble:
    """Threads that each do one kind of harm, over and over."""

    def __init__(
        self, *, staff: Staff, redis: OwnRedis, mail: MailServer, push: PushService
    ) -> None:
        self._staff = staff
        self._redis = redis
        self._mail = mail
        self._push = push
        self._over = threading.Event()
        self._kills_over = threading.Event()
        self._broker = Celery(broker=_broker_of(redis), set_as_current=False)
        self._broker.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
        self._turn = 0
        self.flushes = 0
        self.published = 0
        self.repeated = 0

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Inside, all of it; afterwards the staff is still looked after."""
        harm: tuple[tuple[Callable[[], None], float], ...] = (
            (self._kill, 3.0),
            (self._publish, 0.2),
            (self._misbehave, 2.5),
            (self._flush, 9.0),
            (self._repeat_events, 4.0),
        )
        with ExitStack() as stack:
            for act, seconds in harm:
                stack.callback(self._begin(act, seconds, self._over).join)
            try:
                yield
            finally:
                self._over.set()
        self._mail.mode = self._push.mode = "ok"

    @contextmanager
    def looked_after(self) -> Iterator[None]:
        ended = threading.Event()
        thread = self._begin(self._staff.look_after, 0.3, ended)
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _begin(
        self, act: Callable[[], None], seconds: float, over: threading.Event
    ) -> threading.Thread:
        def run() -> None:
            while not over.wait(seconds):
                # A broker that was emptied a moment ago may refuse once.
                with suppress(RedisError, OSError, *self._broker.connection().connection_errors):
                    act()
            connection.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _kill(self) -> None:
        acts = (
            lambda: self._staff.kill_child("a"),
            lambda: self._staff.kill_child("b"),
            lambda: self._staff.kill_parent("a"),
            lambda: self._staff.kill_child("b"),
            lambda: self._staff.kill_child("a"),
            lambda: self._staff.kill_all("b"),
            lambda: self._staff.kill_parent("beat"),
        )
        acts[self._turn % len(acts)]()
        self._turn += 1

    def _publish(self) -> None:
        """Each message three times."""
        for name, queue in _TASKS.items():
            for _ in range(3):
                self._broker.send_task(name, queue=queue, expires=10)
                self.published += 1

    def _misbehave(self) -> None:
        self._mail.seconds = 0.3
        self._mail.mode = random.choice(
            ("ok", "slow", "failing", "dropping", "silent", "forgetful", "ok")
        )
        self._push.mode = random.choice(("ok", "throttling", "failing", "silent", "ok"))

    def _flush(self) -> None:
        self._redis.client.flushall()
        self.flushes += 1

    def _repeat_events(self) -> None:
        """Let the relay hand events to their handlers that it has handed over before."""
        delivered = Event.objects.filter(delivered_at__isnull=False).order_by("?")
        again = list(delivered.values_list("pk", flat=True)[:50])
        self.repeated += Event.objects.filter(pk__in=again).update(delivered_at=None)


def _broker_of(redis: OwnRedis) -> str:
    path = redis.url.removeprefix("unix://").partition("?")[0]
    return f"redis+socket://{path}?virtual_host=0" if redis.url.startswith("unix") else redis.url


def say(**figures: object) -> None:
    """Show how it went; where pytest captures output, only a failure does."""
    print(" ".join(f"{name}={value}" for name, value in figures.items()), file=sys.stderr)


def clock() -> float:
    return time.monotonic()
