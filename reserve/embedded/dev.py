"""`make dev`: everything that the application needs, in one terminal."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from types import FrameType

from reserve.embedded import commands
from reserve.embedded.binaries import EmbeddedError
from reserve.embedded.environment import development_environment
from reserve.embedded.figures import shared_figures
from reserve.embedded.lease import PROJECT, Lease
from reserve.embedded.ports import PortError, bind, listen, port_from_environment
from reserve.embedded.privileges import die_with_parent, end_with_make
from reserve.embedded.supervisor import Program, Supervisor, say
from reserve.embedded.watch import watch_code

_GRACEFUL_SECONDS = 3
_SLOW_SECONDS = 20.0
_YES = {"", "1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}
_BACKLOG = 2048
_ANY = {"localhost", "0.0.0.0", "::"}  # noqa: S104


def main() -> int:
    end_with_make()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        port = port_from_environment()
        host = os.environ.get("HOST", "").strip() or "localhost"
        reloads = _reload_from_environment()
        listeners = bind(host, port)
        with development_environment(wait_for_stop=True) as lease:
            banner = _prepare(port)
            if banner is None:
                return 1
            # The sockets stay here while the web process is replaced, so that
            # a client waits for the new one instead of being refused.
            listen(listeners, _BACKLOG)
            supervisor = Supervisor(_programs(listeners), directory=PROJECT, say=say)
            asked = "127.0.0.1" if host in _ANY else host
            _Attendants(supervisor, lease, asked, port, banner, reloads=reloads)
            with shared_figures():
                supervisor.run()
            say("Stopped. The data stays in var/.")
            return 0
    except (EmbeddedError, PortError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _reload_from_environment() -> bool:
    """HOT_RELOAD, or true.

    Raises:
        EmbeddedError: it is neither true nor false.
    """
    text = os.environ.get("HOT_RELOAD", "").strip().lower()
    if text not in _YES | _NO:
        raise EmbeddedError(f"HOT_RELOAD is {text!r}, but must be true or false.")
    return text in _YES


def _programs(listeners: list[socket.socket]) -> list[Program]:
    descriptors = tuple(listener.fileno() for listener in listeners)
    # Celery warns of root at length, who is the only user of many containers.
    quiet = {"PYTHONWARNINGS": "ignore:::celery.platforms"}
    return [
        Program(
            "web",
            commands.web(descriptors=descriptors, graceful=_GRACEFUL_SECONDS),
            descriptors=descriptors,
        ),
        Program("worker", commands.worker(), waits=True, environment=quiet),
        Program(
            "beat",
            commands.beat(),
            waits=True,
            environment=quiet,
        ),
    ]


def _prepare(port: int) -> str | None:
    """Migrate, load the demo data into an empty database; the text to greet with, or None.

    In a process of its own, which takes Django and its memory with it when it
    ends. It says what is wrong itself.
    """
    with tempfile.TemporaryFile() as answer:
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "reserve.serve", "prepare"),
                *(str(port), str(answer.fileno())),
            ],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            pass_fds=(answer.fileno(),),
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509
        )
        try:
            code = child.wait()
        finally:
            with suppress(ProcessLookupError):
                child.kill()
            child.wait()
        answer.seek(0)
        return answer.read().decode() if code == 0 else None


class _Attendants:
    """What goes on beside the supervisor's loop: greeting, reloading, reviving the keeper."""

    def __init__(
        self,
        supervisor: Supervisor,
        lease: Lease | None,
        host: str,
        port: int,
        banner: str,
        *,
        reloads: bool,
    ) -> None:
        self._supervisor = supervisor
        self._host = host
        self._port = port
        self._banner = banner
        threading.Thread(target=self._greet, daemon=True).start()
        if reloads:
            threading.Thread(target=self._reload, daemon=True).start()
        if lease is not None:
            threading.Thread(target=self._keep_keeper, args=(lease,), daemon=True).start()

    def _greet(self) -> None:
        """Print the addresses once the application is ready, and only then start the others.

        On a small machine three processes that start at once take three times as long.
        """
        started = time.monotonic()
        others_wait = hint_due = True
        while True:
            answer = self._readiness()
            waited = time.monotonic() - started
            if others_wait and (answer == "" or waited > _SLOW_SECONDS):
                others_wait = False
                self._supervisor.post(self._supervisor.start_waiting)
            if answer == "":
                print(self._banner, flush=True)
                return
            if hint_due and waited > _SLOW_SECONDS:
                hint_due = False
                say(f"Not ready yet: {answer}")
            time.sleep(0.1)

    def _readiness(self) -> str:
        """Empty if ready, and otherwise what is missing."""
        connection = http.client.HTTPConnection(self._host, self._port, timeout=5)
        try:
            connection.request("GET", "/health/ready", headers={"Host": f"localhost:{self._port}"})
            response = connection.getresponse()
            body = response.read(2000).decode(errors="replace")
            ready = response.status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        else:
            return "" if ready else f"{response.status} {body}"
        finally:
            connection.close()

    def _reload(self) -> None:
        def changed(name: str) -> None:
            say(f"{name} changed. Restarting.")
            self._supervisor.post(self._supervisor.restart)

        watch_code(PROJECT, changed, threading.Event())

    def _keep_keeper(self, lease: Lease) -> None:
        while True:
            time.sleep(1)
            if not lease.keeper_lives():
                try:
                    lease.ensure()
                    say("The embedded servers were gone and run again.")
                except EmbeddedError as error:
                    say(str(error))
                    time.sleep(5)


def _leave(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
