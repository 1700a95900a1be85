"""What a browser must not do on a page of ours."""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, WebSocket

REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI, sourceFile}) =>
  console.error(`CSP: ${violatedDirective} ${blockedURI} ${sourceFile}`));
"""


@dataclass
class Watch:
    """What a browser did that it should not have done, and what it said on its sockets."""

    origin: str
    problems: list[str] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)

    def attach(self, page: Page) -> None:
        page.add_init_script(REPORT_VIOLATIONS)
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._address(request.url))
        page.on("websocket", self._socket)

    def _console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.problems.append(f"console {kind}: {text}")

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != self.origin:
            self.problems.append(f"another origin: {url}")
        if re.search(r"token|eyJ", parts.query, re.IGNORECASE):
            self.problems.append(f"a token in an address: {url}")

    def _socket(self, socket: WebSocket) -> None:
        self._address(socket.url)
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))

    def sent_of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["type"] == kind]
