"""Automatic persisted queries, as Apollo's clients speak them.

A client sends the SHA-256 of its document instead of the document, and the document
once more where nobody knows the hash
(https://www.apollographql.com/docs/apollo-server/performance/apq). Documents are
shared by all processes by way of Redis, each remembering some itself. Both have a
bound: what was not asked for longest goes first. Without Redis a client sends its
documents whole again, and nothing fails.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from typing import Any

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from reserve.core.errors import DomainError, Invalid
from reserve.core.graphql.operation import Operation
from reserve.core.ratelimit.outage import outage

MAX_LENGTH = 10_000
"""Characters of a document; longer ones are executed and not remembered."""
_KEPT_HERE = 1_000
_KEPT_IN_REDIS = 5_000
_KEPT_SECONDS = 7 * 24 * 3_600
_PREFIX = "reserve.graphql.document."
_INDEX = "reserve.graphql.documents"
"""A sorted set: hash to the time (Unix, seconds) at which it was last asked for."""


class PersistedQueryNotFound(DomainError):
    """Nobody knows the hash; the client is to send the document with it."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    # Apollo's clients up to 3.7 give up on persisted queries when they meet a 400.
    status = 200
    message = "PersistedQueryNotFound"


class PersistedQueries:
    def __init__(self) -> None:
        self._documents: OrderedDict[str, str] = OrderedDict()

    async def complete(self, request: Operation) -> Operation:
        """The request with its document, where a hash stands for that.

        Raises:
            PersistedQueryNotFound: nobody knows the hash.
            Invalid: the document that comes with it has another.
        """
        if request.sha256 is None:
            return request
        if request.query:
            if hashlib.sha256(request.query.encode()).hexdigest() != request.sha256:
                raise Invalid("The hash is not that of the document.")
            return request
        query = self._documents.get(request.sha256)
        if query is None:
            query = await _in_redis(_read, request.sha256)
            if query is None:
                raise PersistedQueryNotFound
            self._keep(request.sha256, query)
        else:
            self._documents.move_to_end(request.sha256)
        return request.with_query(query)

    async def remember(self, request: Operation) -> None:
        """Keep the document of a request that came with its hash, once it is known to be valid."""
        sha256 = request.sha256
        if sha256 is None or sha256 in self._documents or len(request.query) > MAX_LENGTH:
            return
        self._keep(sha256, request.query)
        await _in_redis(_write, sha256, request.query)

    def _keep(self, sha256: str, query: str) -> None:
        self._documents[sha256] = query
        while len(self._documents) > _KEPT_HERE:
            self._documents.popitem(last=False)


async def _in_redis(call: Any, *arguments: str) -> Any:
    """Call in a thread; None where Redis is away, which its connections notice soon."""
    if outage.is_resting:
        return None
    try:
        return await asyncio.to_thread(call, get_redis_connection("limits"), *arguments)
    except (RedisError, OSError) as error:
        outage.begin(error)
        return None


def _read(redis: Any, sha256: str) -> str | None:
    query, _ = (
        redis.pipeline(transaction=False)
        .getex(_PREFIX + sha256, ex=_KEPT_SECONDS)
        .zadd(_INDEX, {sha256: time.time()}, xx=True)
        .execute()
    )
    # Whoever can write to Redis is not to put other words into a client's mouth.
    if query is None or hashlib.sha256(query).hexdigest() != sha256:
        return None
    text: str = query.decode()
    return text


def _write(redis: Any, sha256: str, query: str) -> None:
    *_, number = (
        redis.pipeline(transaction=False)
        .set(_PREFIX + sha256, query.encode(), ex=_KEPT_SECONDS)
        .zadd(_INDEX, {sha256: time.time()})
        .expire(_INDEX, _KEPT_SECONDS)
        .zcard(_INDEX)
        .execute()
    )
    if number > _KEPT_IN_REDIS:
        oldest = [name for name, _ in redis.zpopmin(_INDEX, number - _KEPT_IN_REDIS)]
        if oldest:
            redis.unlink(*(_PREFIX + name.decode() for name in oldest))
