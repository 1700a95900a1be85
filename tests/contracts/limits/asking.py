"""Asking a web process with small limits, and what its answers say of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

LIMIT, ACCOUNT, ADDRESS = 20, 3, 8
LIMITS = {
    "RATE_LIMIT_MAX_REQUESTS": str(LIMIT),
    # Nothing to speak of comes in during a test.
    "RATE_LIMIT_WINDOW_SECONDS": "86400",
    "AUTH_RATE_LIMIT_ACCOUNT": str(ACCOUNT),
    "AUTH_RATE_LIMIT_ADDRESS": str(ADDRESS),
}
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")
LOGIN = "login(input: {email: %s, password: %s}) { accessToken }"


def graphql(http: httpx.Client, document: str, **options: Any) -> httpx.Response:
    return http.post("/graphql", json={"query": document}, **options)


def code_of(response: httpx.Response) -> str | None:
    body = response.json()
    if "errors" in body and isinstance(body["errors"], list):
        return str(body["errors"][0]["extensions"]["code"])
    return body.get("code")


@contextmanager
def client_of(server: str, source: str = "127.0.0.1") -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(local_address=source)
    with httpx.Client(base_url=server, transport=transport, timeout=20) as http:
        yield http


def limits_of(response: httpx.Response) -> tuple[int, int, int]:
    limit, remaining, reset = (int(response.headers[name]) for name in HEADERS)
    return limit, remaining, reset


def log_in(http: httpx.Client, email: str, password: str, **options: Any) -> httpx.Response:
    login = LOGIN % (json.dumps(email), json.dumps(password))
    return graphql(http, f"mutation {{ {login} }}", **options)
