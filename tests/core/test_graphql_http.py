"""Which status an answer of GraphQL has, by where it was refused."""

import asyncio
from datetime import timedelta
from typing import Any

import graphene
import orjson
import pytest
from django.db import OperationalError

from accounts.actors import ANONYMOUS
from reserve.core.context import begin_request
from reserve.core.errors import RateLimited, ServiceUnavailable, Unauthenticated
from reserve.core.graphql.executor import Executor
from reserve.core.graphql.http import GraphQLHTTP
from reserve.core.sessions import Session


class _Query(graphene.ObjectType):
    fine = graphene.String(description="Always there.")
    broken = graphene.String(description="Never there.")
    lost = graphene.String(description="Not while the database is away.")

    @staticmethod
    def resolve_fine(_root: Any, _info: Any) -> str:
        return "yes"

    @staticmethod
    def resolve_broken(_root: Any, _info: Any) -> str:
        raise ValueError("a secret of ours")

    @staticmethod
    async def resolve_lost(_root: Any, _info: Any) -> str:
        raise OperationalError("server at 10.0.0.1 is gone")


class _Authentication:
    """Lets everybody in, or refuses in one of its two steps."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self._refusal = refusal

    def identify(self, _authorization: str) -> Session:
        return Session(ANONYMOUS)

    async def admit(self, _session: Session, _marked: Any) -> None:
        if self._refusal:
            raise self._refusal

    async def ended(self, _sessions: Any) -> list[Session]:
        return []


async def _no_pages(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError


def _ask(
    body: bytes, refusal: Exception | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Any]:
    executor = Executor(graphene.Schema(query=_Query).graphql_schema)
    application = GraphQLHTTP(executor, authentication=_Authentication(refusal), pages=_no_pages)
    given = {"content-type": "application/json"} | (headers or {})
    scope = {
        "type": "http",
        "method": "POST",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        begin_request("asked", address="127.0.0.1")
        await application(scope, receive, send)

    asyncio.run(run())
    start, content = sent
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], found, orjson.loads(content["body"])


def _query(document: str) -> bytes:
    return orjson.dumps({"query": document})


def test_what_kept_a_request_from_running_is_its_status() -> None:
    fine = _query("{ fine }")
    for body, refusal, status, code, retry_after in (
        (fine, ServiceUnavailable(), 503, "SERVICE_UNAVAILABLE", "1"),
        (fine, OperationalError("gone"), 503, "SERVICE_UNAVAILABLE", "1"),
        (fine, RateLimited(retry_after=timedelta(seconds=2.5)), 429, "RATE_LIMITED", "3"),
        (fine, Unauthenticated(), 401, "UNAUTHENTICATED", None),
        (fine, ValueError("a secret of ours"), 500, "INTERNAL_SERVER_ERROR", None),
        (b" " * (1 << 20) + b" ", None, 413, "PAYLOAD_TOO_LARGE", None),
        (_query("{ nope }"), None, 400, "BAD_USER_INPUT", None),
    ):
        answered, headers, answer = _ask(body, refusal)
        assert (answered, headers.get("retry-after")) == (status, retry_after), code
        (error,) = answer["errors"]
        assert "data" not in answer
        assert error["extensions"]["code"] == code
        assert error["extensions"]["requestId"] == "asked"
        assert "secret" not in str(answer)


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
def test_an_operation_that_ran_answers_200_and_says_which_fields_failed(accept: str) -> None:
    status, headers, answer = _ask(_query("{ fine broken lost }"), headers={"accept": accept})
    assert (status, headers["content-type"]) == (200, f"{accept}; charset=utf-8")
    assert answer["data"] == {"fine": "yes", "broken": None, "lost": None}
    found = {error["path"][0]: error for error in answer["errors"]}
    assert {name: error["extensions"]["code"] for name, error in found.items()} == {
        "broken": "INTERNAL_SERVER_ERROR",
        "lost": "SERVICE_UNAVAILABLE",
    }
    # It may be asked for again.
    assert found["lost"]["extensions"]["retryAfter"] == 1
    assert {error["extensions"]["requestId"] for error in answer["errors"]} == {"asked"}
    assert not {"secret", "10.0.0.1"} & set(str(answer).split())
