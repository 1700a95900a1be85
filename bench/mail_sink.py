"""A mail server that takes everything at once and remembers when, or is as good as dead."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Longer than any client waits, seconds.
_DEAD_SECONDS = 30.0


class _Session(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as a client of ours speaks."""

    def handle(self) -> None:
        assert isinstance(self.server, MailSink)
        self._alive = self.server.alive
        self._say("220 sink")
        while line := self.rfile.readline():
            match line[:4].upper().strip():
                case b"DATA":
                    self._say("354 go on")
                    self._take()
                case b"QUIT":
                    self._say("221 bye")
                    return
                case _:
                    self._say("250 sink")

    def _take(self) -> None:
        recipient = ""
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            if line.startswith(b"To: ") and not recipient:
                recipient = line[4:].decode().strip().rpartition("<")[2].rstrip(">")
        assert isinstance(self.server, MailSink)
        if self._alive.is_set():
            self.server.taken_at.setdefault(recipient, time.time())
        self._say("250 taken")

    def _say(self, text: str) -> None:
        if self._alive.wait(_DEAD_SECONDS):
            self.wfile.write(f"{text}\r\n".encode())


class MailSink(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        # By recipient, seconds of the wall clock.
        self.taken_at: dict[str, float] = {}
        # While it is not set, connections are taken and nothing is ever answered.
        self.alive = threading.Event()
        self.alive.set()

    def handle_error(self, *_: object) -> None:
        """Whoever gives up waiting for the dead hangs up."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.server_address[1]}"


@contextmanager
def mail_sink() -> Iterator[MailSink]:
    with MailSink() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
