"""Who a server runs as, and how it hears that its parent is gone."""

import ctypes
import os
import pwd
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reserve.embedded.binaries import EmbeddedError

# Numbers of <linux/prctl.h>, <linux/securebits.h> and <linux/capability.h>, fixed by
# the kernel's interface.
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522

_LINUX = sys.platform == "linux"
# Loaded before any fork: a child between fork and exec should only call, not load.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Account:
    """A user to run as."""

    uid: int
    gid: int


class _CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapabilityData(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


def account_for(data: Path) -> Account | None:
    """The user that PostgreSQL must run as, or None for the present one.

    PostgreSQL refuses to run as root. Root therefore runs it as whoever owns
    the data already, or else as a user that exists everywhere.

    Raises:
        EmbeddedError: the data belongs to somebody else, or nobody can be found.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedError(
                f"{data} belongs to another user. Remove it, or run as that user, or set "
                "DATABASE_URL to a server of your own."
            )
        return None
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("nobody", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and this machine has no user `nobody`. "
        "Run as an ordinary user, or set DATABASE_URL to a server of your own."
    )


def die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` after which the child gets this signal when its parent dies.

    It holds for the thread that starts the child: start children from the main one.
    """
    return _preparation(None, number)


def end_with_make() -> None:
    """Have this process get SIGTERM when the `make` that started it dies, even of SIGKILL."""
    parent = os.getppid()
    try:
        name = Path(f"/proc/{parent}/comm").read_text().strip()
    except OSError:
        return
    if name in {"make", "gmake"}:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def become(account: Account | None, number: signal.Signals) -> Callable[[], None]:
    """A `preexec_fn` that changes the user and then does as `die_with_parent`.

    The clone may lie under a directory that only root may enter, such as
    /root. Instead of opening that directory to everybody, the server keeps
    the one capability that lets it through (CAP_DAC_OVERRIDE). `initdb` asks
    access(2) about its own programs, which disregards the capabilities of
    everybody but root, unless told otherwise (SECBIT_NO_SETUID_FIXUP).
    """
    return _preparation(account, number)


def _preparation(account: Account | None, number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        if account is not None:
            if _LINUX:
                _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
                _libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
            os.setgroups([])
            os.setgid(account.gid)
            os.setuid(account.uid)
            if _LINUX:
                _keep_entering_directories()
        if _LINUX:
            # After the change of user, which clears it.
            _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


def _keep_entering_directories() -> None:
    """Keep CAP_DAC_OVERRIDE through the coming exec, and no other capability.

    Where the container does not grant it, nothing is lost that matters unless
    a parent directory is closed; the server then says so itself.
    """
    bit = 1 << _CAP_DAC_OVERRIDE
    if _set_capabilities(bit):
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)
    elif not _set_capabilities(0):
        os._exit(1)


def _set_capabilities(bits: int) -> bool:
    """Have these, of the first 32, and none else; whether the kernel agreed."""
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    data = (_CapabilityData * 2)(_CapabilityData(bits, bits, bits), _CapabilityData(0, 0, 0))
    return bool(_libc.capset(ctypes.byref(header), ctypes.byref(data)) == 0)
