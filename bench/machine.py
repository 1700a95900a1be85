"""What the machine was doing meanwhile, and whose processor time went where."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import redis

_SPINS = 200_000
_SPIN_ROUNDS = 5
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Fields of /proc/<pid>/stat, counted from the one after the command's name.
_PARENT, _USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def noise() -> dict[str, float]:
    """The load, and how long a fixed piece of work takes: best and worst of five, ms."""
    rounds = []
    for _ in range(_SPIN_ROUNDS):
        began = time.perf_counter()
        for _ in range(_SPINS):
            pass
        rounds.append((time.perf_counter() - began) * 1000)
    return {
        "load_average": os.getloadavg()[0],
        "spin_best_ms": round(min(rounds), 3),
        "spin_worst_ms": round(max(rounds), 3),
    }


def description(connection: psycopg.Connection) -> dict[str, Any]:
    """What was measured on; nothing that names the machine."""
    names = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_connections")
    settings = {name: connection.execute(f"SHOW {name}").fetchone() for name in names}
    return {
        "processors": os.cpu_count(),
        "postgres": {name: row[0] for name, row in settings.items() if row},
    }


class PostgresTime:
    """Processor time of a PostgreSQL server on this machine, with all its processes."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._server = 0
        with suppress(OSError, IndexError, ValueError):
            parent = int(_stat(connection.info.backend_pid)[_PARENT])
            name = Path(f"/proc/{parent}/comm").read_text().strip()
            # In a container or on another machine the number may be anybody's.
            self._server = parent if name.startswith("postgres") else 0

    def seconds(self) -> float | None:
        """User and system time since the start, or None where it cannot be seen."""
        if not self._server:
            return None
        ticks = 0
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            with suppress(OSError, IndexError, ValueError):
                stat = _stat(int(folder.name))
                if int(folder.name) == self._server:
                    ticks += int(stat[_CHILDREN_USER]) + int(stat[_CHILDREN_SYSTEM])
                elif int(stat[_PARENT]) != self._server:
                    continue
                ticks += int(stat[_USER]) + int(stat[_SYSTEM])
        return ticks / _TICKS_PER_SECOND


class RedisTime:
    """Processor time of a Redis server, as it tells."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)

    def seconds(self) -> float | None:
        try:
            info: dict[str, float] = self._client.info("cpu")
        except redis.RedisError:
            return None
        return info["used_cpu_user"] + info["used_cpu_sys"]


class Residents:
    """Memory, threads' connections and files of processes, each with its descendants."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        """
        Args:
            pids: of processes by name or address; those by address are web processes.
        """
        self._pids = {"web" if "://" in name else name: pid for name, pid in pids.items()}
        self._known: dict[str, set[int]] = {}
        self.changes: list[str] = []
        """Processes that began or ended since the first look, which changes every figure."""

    def look(self) -> dict[str, float]:
        """MiB that are resident and open files, of all processes of each name together."""
        found: dict[str, float] = {}
        for name, pid in self._pids.items():
            members = _family(pid)
            known = self._known.setdefault(name, members)
            if members != known:
                self.changes.append(f"{name}: processes {known} became {members}")
                self._known[name] = members
            found[f"{name}_rss_mib"] = sum(map(_resident, members)) / (1 << 20)
            found[f"{name}_greatest_rss_mib"] = max(map(_resident, members)) / (1 << 20)
            found[f"{name}_files"] = sum(map(_open_files, members))
        return found


def _family(pid: int) -> set[int]:
    with suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {pid}.union(*(_family(int(child)) for child in children))
    return set()


def _resident(pid: int) -> int:
    with suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024
    return 0


def _open_files(pid: int) -> int:
    with suppress(OSError):
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return 0


def memory_of(pid: int) -> int:
    """Bytes of memory that a process and its descendants have resident."""
    return sum(map(_resident, _family(pid)))


def busy_share(seconds: float) -> float:
    """How much of all processors' time is spent on anything from now on, 0 to 1."""
    before = _processors()
    time.sleep(seconds)
    busy, whole = (now - then for now, then in zip(_processors(), before, strict=True))
    return busy / whole


def _processors() -> tuple[int, int]:
    """Ticks that were spent, and ticks that have passed, by proc(5)."""
    first_line = Path("/proc/stat").read_text().split("\n", 1)[0]
    user, nice, system, idle, waiting, *rest = map(int, first_line.split()[1:9])
    busy = user + nice + system + sum(rest)
    return busy, busy + idle + waiting


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
