"""PostgreSQL and Redis come up wherever the clone lies and whatever was left behind."""

import os
import pwd
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from reserve.embedded import Addresses, EmbeddedError, servers
from reserve.embedded.lease import Lease
from reserve.embedded.postgres import Postgres
from reserve.embedded.privileges import Account, become
from reserve.embedded.processes import wait_until
from reserve.embedded.redis import Redis
from tests.embedded.children import Child, ends, lives, needs_servers, state_of

pytestmark = needs_servers

_TAKE_BOTH = """
    import sys
    from pathlib import Path
    from reserve.embedded import servers
    with servers(Path(sys.argv[1]), postgres=True, redis=True) as addresses:
        print(addresses.database_url, addresses.redis_url)
        sys.stdin.readline()
"""


def _count(addresses: Addresses) -> tuple[int, int]:
    """Write a row and a key, and tell how many there are by now."""
    with psycopg.connect(addresses.database_url or "", connect_timeout=5) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS visits ()")
        connection.execute("INSERT INTO visits DEFAULT VALUES")
        row = connection.execute("SELECT count(*) FROM visits").fetchone()
    with redis.Redis.from_url(addresses.redis_url or "") as client:
        visits = client.incr("visits")
    assert row is not None
    return row[0], int(visits)


def test_two_roots_at_once_keep_their_data_apart_and_between_starts(tmp_path: Path) -> None:
    long = tmp_path / ("a long name with spaces " * 7).strip() / "var"
    short = tmp_path / "var"
    assert len(str(long)) > 150
    with (
        servers(long, postgres=True, redis=True, wait_for_stop=True) as first,
        servers(short, postgres=True, redis=True, wait_for_stop=True) as second,
    ):
        assert _count(first) == (1, 1)
        assert _count(first) == (2, 2)
        assert _count(second) == (1, 1)
        state = state_of(long)
        assert stat.S_IMODE((long / "run" / "servers.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(Path(state["directory"]).stat().st_mode) == 0o700
        with psycopg.connect(first.database_url or "") as connection:
            for name, value in {
                "server_encoding": "UTF8",
                "TimeZone": "UTC",
                "fsync": "on",
                "synchronous_commit": "on",
                "listen_addresses": "",
            }.items():
                assert connection.execute(f"SHOW {name}").fetchone() == (value,)
            assert connection.info.user == connection.info.dbname == "reserve"
            assert connection.execute("SELECT upper('é') < 'z'").fetchone() == (False,)
    assert not lives(state["keeper"])
    assert not any(lives(pid) for pid in state["pids"].values())
    assert not Path(state["directory"]).exists()
    with servers(long, postgres=True, redis=True) as again:
        assert _count(again) == (3, 3)


def test_users_share_servers_and_the_last_one_out_stops_them(
    tmp_path: Path, python: Callable[..., Child]
) -> None:
    # Both start at once on a fresh root, and one of them makes the data.
    children = [python(_TAKE_BOTH, tmp_path), python(_TAKE_BOTH, tmp_path)]
    answers = {child.line() for child in children}
    assert len(answers) == 1
    state = state_of(tmp_path)
    children[0].process.terminate()
    time.sleep(1.5)
    assert lives(state["keeper"])
    # The kernel gives the lease back for a user that cannot do it any more.
    children[1].process.kill()
    assert ends(state["keeper"])
    assert not any(lives(pid) for pid in state["pids"].values())


def test_a_server_runs_only_while_it_is_asked_for(tmp_path: Path) -> None:
    with servers(tmp_path, postgres=False, redis=True, wait_for_stop=True) as alone:
        assert alone.database_url is None
        assert alone.redis_url is not None
        assert set(state_of(tmp_path)["pids"]) == {"redis"}
        assert not (tmp_path / "postgres").exists()
        with servers(tmp_path, postgres=True, redis=False) as other:
            assert other.redis_url is None
            assert other.database_url is not None
        assert wait_until(lambda: "postgres" not in state_of(tmp_path)["pids"], 10)
        assert lives(state_of(tmp_path)["pids"]["redis"])


def test_a_newcomer_during_the_stop_gets_running_servers(tmp_path: Path) -> None:
    for pause in (1.0, 1.2):
        with servers(tmp_path, postgres=True, redis=True) as addresses:
            _count(addresses)
        time.sleep(pause)


def test_what_a_crash_left_behind_is_healed(tmp_path: Path) -> None:
    partial = tmp_path / "postgres.partial"
    partial.mkdir(parents=True)
    (partial / "PG_VERSION").write_text("18\n")
    with servers(tmp_path, postgres=True, redis=True, wait_for_stop=True) as addresses:
        assert _count(addresses) == (1, 1)
    assert not partial.exists()

    # The number in the pid files belongs to somebody else by now.
    (tmp_path / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n")
    (tmp_path / "run" / "redis.pid").write_text(f"{os.getpid()}\n")
    with servers(tmp_path, postgres=True, redis=True, wait_for_stop=True) as addresses:
        assert _count(addresses) == (2, 2)


def test_servers_that_outlived_their_keeper_are_stopped_first(tmp_path: Path) -> None:
    sockets = Path(tempfile.mkdtemp(prefix="reserve-test-"))
    (tmp_path / "run").mkdir()
    orphans: list[Postgres | Redis] = [Postgres(tmp_path, sockets), Redis(tmp_path, sockets)]
    try:
        for orphan in orphans:
            orphan.start()
        pids = [orphan.pid or 0 for orphan in orphans]
        with servers(tmp_path, postgres=True, redis=True, wait_for_stop=True) as addresses:
            assert not any(lives(pid) for pid in pids)
            assert _count(addresses) == (1, 1)
    finally:
        for orphan in orphans:
            orphan.stop()
        shutil.rmtree(sockets)


def test_a_killed_keeper_takes_its_servers_along_and_has_a_successor(tmp_path: Path) -> None:
    lease = Lease(tmp_path, postgres=True, redis=True)
    addresses = lease.acquire()
    try:
        assert _count(addresses) == (1, 1)
        state = state_of(tmp_path)
        os.kill(state["keeper"], signal.SIGKILL)
        assert all(ends(pid) for pid in state["pids"].values())
        assert wait_until(lambda: not lease.keeper_lives(), 5)
        # Users that know the addresses already can go on with them.
        assert lease.ensure() == addresses
        assert _count(addresses)[0] == 2
    finally:
        lease.release(wait=True)
    assert not Path(state["directory"]).exists()


def test_a_server_that_dies_comes_back_in_the_same_place(tmp_path: Path) -> None:
    with servers(tmp_path, postgres=True, redis=True, wait_for_stop=True) as addresses:
        _count(addresses)
        before = state_of(tmp_path)["pids"]
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        def back() -> bool:
            now = state_of(tmp_path)["pids"]
            return all(now[name] != pid for name, pid in before.items())

        assert wait_until(back, 20)
        assert _count(addresses)[0] == 2


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "notes.txt").write_text("mine")
    with (
        pytest.raises(EmbeddedError, match="is not empty and holds no PostgreSQL data"),
        servers(tmp_path, postgres=True, redis=False),
    ):
        pass
    assert (tmp_path / "postgres" / "notes.txt").read_text() == "mine"

    (tmp_path / "file").touch()
    with (
        pytest.raises(EmbeddedError, match=r"/file cannot be used: File exists\. Remove what"),
        servers(tmp_path / "file", postgres=False, redis=True),
    ):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_runs_them_too(python: Callable[..., Child]) -> None:
    somebody = pwd.getpwnam("nobody")
    # The interpreter may lie where only root can read; nothing else is lent.
    prepare = become(Account(somebody.pw_uid, somebody.pw_gid), signal.SIGKILL)
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, somebody.pw_uid, somebody.pw_gid)
        child = python(_TAKE_BOTH, folder, preexec_fn=prepare)
        database_url, redis_url = child.line().split()
        assert _count(Addresses(database_url, redis_url)) == (1, 1)
        state = state_of(Path(folder))
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in state["pids"].values()}
        assert owners == {somebody.pw_uid}
        child.process.terminate()
        assert ends(state["keeper"])
