"""The address that the web processes listen on."""

import errno
import os
import socket

_LAST = 65_535


class PortError(Exception):
    """The port cannot be used. Its text says what to do."""


def port_from_environment() -> int:
    """PORT, or 4000.

    Raises:
        PortError: it is not the number of a port.
    """
    text = os.environ.get("PORT", "").strip() or "4000"
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LAST):
        raise PortError(f"PORT is {text!r}, but must be a whole number from 1 to 65535.")
    return int(text)


def bind(
    host: str, port: int, *, share: bool = False, command: str = "make dev"
) -> list[socket.socket]:
    """Sockets bound to every address of the host, not yet listening.

    Args:
        host: `localhost` means both loopback addresses, as clients try either first.
        share: other processes bind the same address too, and the kernel
            spreads connections between them (SO_REUSEPORT).
        command: what to start again with another PORT, for the error's text.

    Raises:
        PortError: the port is in use, or the host is not this machine.
    """
    try:
        found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )
    except socket.gaierror as error:
        raise PortError(f"HOST is {host!r}, which is no address of this machine.") from error
    addresses = {(family, address[:2]) for family, _, _, _, address in found}
    if host == "localhost":
        addresses |= {
            (socket.AF_INET, ("127.0.0.1", port)),
            (socket.AF_INET6, ("::1", port)),
        }
    listeners: list[socket.socket] = []
    for family, address in sorted(addresses):
        try:
            listeners.append(_bind_one(family, address, share=share))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _in_use(port, command) from error
            if error.errno == errno.EACCES:
                raise PortError(
                    f"Port {port} is reserved for root. Start with another PORT, such as 4000."
                ) from error
            if not listeners and host != "localhost":
                raise PortError(
                    f"HOST is {host!r}, which is no address of this machine."
                ) from error
            # A machine without IPv6 has no ::1.
    if not listeners:
        raise PortError(f"HOST is {host!r}, which is no address of this machine.")
    return listeners


def listen(listeners: list[socket.socket], backlog: int, *, command: str = "make dev") -> None:
    """Begin to take connections, which wait until somebody accepts them.

    Raises:
        PortError: somebody else began to listen after the sockets were bound.
    """
    for listener in listeners:
        try:
            listener.listen(backlog)
        except OSError as error:
            raise _in_use(listener.getsockname()[1], command) from error


def _in_use(port: int, command: str) -> PortError:
    other = port + 1 if port < _LAST else port - 1
    return PortError(
        f"Port {port} is in use. Stop what uses it or start with PORT={other} {command}."
    )


def _bind_one(family: int, address: tuple[str | int | bytes, ...], *, share: bool) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections that ended a moment ago do not keep the port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener
