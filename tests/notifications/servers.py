"""A mail server and a push service of the tests' own, real ones, which can be told to misbehave."""

import asyncio
import email
import io
import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment

import boto3
from aiosmtpd.controller import Controller
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.processes import free_port

# What the push service wants to see, and moto does not look at.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
# A line for each request is more than anybody reads.
logging.getLogger("werkzeug").setLevel(logging.ERROR)

_THROTTLED = (
    b"<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>"
    b"<Message>Rate exceeded</Message></Error></ErrorResponse>"
)


class MailServer:
    """SMTP; `mode` says how it behaves.

    ok, slow (answers after `seconds`), failing (451 to everybody), refusing (550 to the
    recipients in `refused`), dropping (hangs up), silent (takes nothing and says nothing),
    forgetful (takes a message and hangs up instead of saying so).
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.mode = "ok"
        self.seconds = 1.0
        self.refused: set[str] = set()
        self.messages: list[Message] = []
        self.taken_at: list[float] = []
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def ids(self) -> Counter[str]:
        """How often each message came, by what a mailbox tells repetitions by."""
        return Counter(str(message["Message-ID"]) for message in self.messages)

    def received(self, part: str = "") -> list[Message]:
        """The messages to addresses with this part, each once."""
        found = {
            str(message["Message-ID"]): message
            for message in self.messages
            if part in str(message["To"])
        }
        return list(found.values())

    async def handle_RCPT(  # noqa: N802
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.mode == "refusing" and address in self.refused:
            return f"550 no such mailbox: {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        match self.mode:
            case "slow":
                await asyncio.sleep(self.seconds)
            case "failing":
                return "451 try again later"
            case "silent":
                await asyncio.sleep(60)
            case "dropping":
                server.transport.close()
                return "250 OK"
        self.messages.append(email.message_from_bytes(envelope.content))
        self.taken_at.append(time.time())
        if self.mode == "forgetful":
            server.transport.close()
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    server._controller.start()
    try:
        yield server
    finally:
        server._controller.stop()


class PushService:
    """SNS, by moto; `mode` says how it behaves: ok, throttling, failing, silent."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mode = "ok"
        self.published: list[dict[str, str]] = []
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", self.port, self._answer, threaded=True)
        # Threads that are silent must not keep the tests from ending.
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.client = boto3.client(
            "sns",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.topic = self.client.create_topic(Name=f"bookings-{self.port}")["TopicArn"]
        self.application = self.client.create_platform_application(
            Name=f"app-{self.port}", Platform="GCM", Attributes={"PlatformCredential": "x"}
        )["PlatformApplicationArn"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **CREDENTIALS,
            "SNS_TOPIC_ARN": self.topic,
            "SNS_ANDROID_APPLICATION_ARN": self.application,
            "AWS_ENDPOINT_URL": self.url,
        }

    def to_topic(self) -> list[dict[str, str]]:
        """What was published to the topic."""
        return [each for each in self.published if each.get("TopicArn")]

    def attributes(self, published: dict[str, str]) -> dict[str, str]:
        names = {
            key.split(".")[2]: value for key, value in published.items() if key.endswith(".Name")
        }
        return {
            name: published[f"MessageAttributes.entry.{number}.Value.StringValue"]
            for number, name in names.items()
        }

    def stop(self) -> None:
        self._server.shutdown()

    def _answer(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        match self.mode:
            case "throttling":
                start("400 Bad Request", [("Content-Type", "text/xml")])
                return [_THROTTLED]
            case "failing":
                start("500 Internal Server Error", [("Content-Type", "text/xml")])
                return [b"<ErrorResponse/>"]
            case "silent":
                time.sleep(20)
        told: list[str] = []

        def begin(status: str, headers: Any, *rest: Any) -> Any:
            told.append(status)
            return start(status, headers, *rest)

        answer = list(self._app(environ, begin))
        if asked.get("Action") == "Publish" and told[0].startswith("200"):
            self.published.append(asked)
        return answer


@contextmanager
def push_service() -> Iterator[PushService]:
    service = PushService()
    try:
        yield service
    finally:
        service.stop()
