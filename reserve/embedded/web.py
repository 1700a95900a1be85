"""One web process: `python -m reserve.embedded.web`, in development and in production.

The settings of uvicorn are here and nowhere else.
"""

import argparse
import os
import socket
import sys

import uvicorn

from reserve.embedded.http import HTTPProtocol
from reserve.embedded.ports import bind
from reserve.embedded.sockets import WebSocketProtocol

_BACKLOG = 2048


def configuration(graceful_seconds: int) -> uvicorn.Config:
    """How the application is served.

    Args:
        graceful_seconds: how long open requests and sockets may take at the end.
    """
    return uvicorn.Config(
        "reserve.asgi:application",
        http=HTTPProtocol,
        ws=WebSocketProtocol,
        # Longer messages than any client of ours sends would only fill memory.
        ws_max_size=65_536,
        # Compression costs some hundred kilobytes per connection.
        ws_per_message_deflate=False,
        lifespan="auto",
        # The application logs requests, with their ids.
        access_log=False,
        log_config=None,
        # Forwarded addresses are judged by the application, which knows how
        # many proxies are trusted.
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        # Longer than proxies keep idle connections, or they would use a closed one.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=graceful_seconds,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--descriptor", type=int, action="append", default=[])
    parser.add_argument("--bind", nargs=2, metavar=("HOST", "PORT"))
    parser.add_argument("--graceful-seconds", type=int, default=10)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")
    listeners = [socket.socket(fileno=number) for number in options.descriptor]
    if options.bind:
        # Each process has a socket of its own, between which the kernel spreads
        # connections; one socket for all gives most of them to one process.
        listeners += bind(options.bind[0], int(options.bind[1]), share=True)
    server = uvicorn.Server(configuration(options.graceful_seconds))
    server.run(sockets=listeners)
    return 0 if server.started else 3


if __name__ == "__main__":
    sys.exit(main())
