"""What a clone's commands find in their environment, and what the package may import."""

import ast
import os
import socket
import threading
from pathlib import Path

import psycopg
import pytest

from reserve.embedded import development_environment
from reserve.embedded.lease import PROJECT
from reserve.embedded.ports import PortError, bind, listen, port_from_environment
from reserve.embedded.processes import wait_until
from reserve.embedded.watch import code_directories, watch_code
from tests.embedded.children import needs_servers


@needs_servers
def test_missing_addresses_are_filled_in_and_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESERVE_MODE", raising=False)
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379")
    with development_environment(tmp_path, wait_for_stop=True):
        assert os.environ["RESERVE_MODE"] == "development"
        assert os.environ["REDIS_URL"] == "redis://elsewhere:6379"
        psycopg.connect(os.environ["DATABASE_URL"]).close()
    assert os.environ["DATABASE_URL"] == ""
    assert "RESERVE_MODE" not in os.environ


def test_production_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESERVE_MODE", "production")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with development_environment(tmp_path) as lease:
        assert lease is None
        assert "DATABASE_URL" not in os.environ
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["abc", "0", "65536", "-1", "40.5", "４000"])
def test_a_port_that_makes_no_sense_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(PortError, match="PORT is"):
        port_from_environment()


def test_a_port_in_use_is_refused_before_and_after_binding() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortError, match=f"Port {port} is in use.*PORT={port + 1} make dev"):
            bind("localhost", port)
    listeners = bind("127.0.0.1", port)
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortError, match="is in use"):
        listen(listeners, 1)
    for listener in listeners:
        listener.close()


def test_changed_code_is_heard_of_once(tmp_path: Path) -> None:
    for folder in ("app", "var", "tests", ".venv", "empty"):
        (tmp_path / folder).mkdir()
    for folder in ("app", "var", "tests", ".venv"):
        (tmp_path / folder / "module.py").touch()
    assert code_directories(tmp_path) == [tmp_path / "app"]
    heard: list[str] = []
    stop = threading.Event()
    thread = threading.Thread(target=watch_code, args=(tmp_path, heard.append, stop))
    thread.start()
    try:
        # Repeated, since the watcher takes a moment to begin.
        def change() -> bool:
            (tmp_path / "app" / "notes.txt").write_text(os.urandom(4).hex())
            (tmp_path / "app" / "module.py").write_text(os.urandom(4).hex())
            return bool(heard)

        assert wait_until(change, 10, interval=0.4)
    finally:
        stop.set()
        thread.join()
    assert set(heard) == {"app/module.py"}


def test_the_package_stays_free_of_django_and_the_apps() -> None:
    foreign = {"django", "celery", "accounts", "bookings", "notifications", "venues"}
    for path in (PROJECT / "reserve" / "embedded").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in foreign, f"{path.name} imports {name}"
                # Frames are bytes and gates are open or closed: they know nothing of Django.
                if name not in {"reserve.core.frames", "reserve.core.gates"}:
                    assert not name.startswith("reserve.") or name.startswith("reserve.embedded")
