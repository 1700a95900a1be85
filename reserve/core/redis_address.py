"""Where Redis is: one server, or whichever of several Sentinel calls the master now.

`sentinel://[[USER:]PASSWORD@]HOST:PORT[,HOST:PORT…]/SERVICE[/NUMBER]` names the
Sentinels, and the service that they watch; user and password are those of Redis.
Each library that we use has its own way to follow a master; they are all here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry
from redis.sentinel import Sentinel

_SENTINEL = re.compile(
    r"sentinel://((?P<user>[^:@/]*):(?P<password>[^@/]*)@|(?P<only>[^:@/]+)@)?"
    r"(?P<hosts>[^/@]+)/(?P<service>[\w.-]+)(/(?P<database>\d+))?"
)
_PLAIN = re.compile(r"unix://.+|rediss?://[^/]+(/\d*)?(\?.*)?")
_DEFAULT_PORT = 26379
# A Sentinel that is gone is not asked again, but the next one, and that soon: bookings wait.
_SENTINEL_TIMEOUTS = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3}
_ASKED_ONCE = _SENTINEL_TIMEOUTS | {"retry": Retry(NoBackoff(), 0)}
_ASKED_ONCE_BY_LOOPS = _SENTINEL_TIMEOUTS | {"retry": AsyncRetry(NoBackoff(), 0)}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """An address as it was written, and what is in it where Sentinels are."""

    url: str
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    database: int = 0
    user: str = ""
    password: str = ""

    @property
    def is_unix_socket(self) -> bool:
        return self.url.startswith("unix:")

    @property
    def credentials(self) -> dict[str, Any]:
        """Of a connection to the master."""
        known = {"username": self.user, "password": self.password}
        return {"db": self.database} | {name: value for name, value in known.items() if value}

    def client(self, **options: Any) -> "redis.Redis":
        """A client for threads; its connections are made when they are needed."""
        if not self.sentinels:
            return redis.Redis.from_url(self.url, **options)
        watchers = Sentinel(self.sentinels, sentinel_kwargs=_ASKED_ONCE)  # type: ignore[no-untyped-call]
        master: redis.Redis = watchers.master_for(self.service, **self.credentials, **options)  # type: ignore[no-untyped-call]
        return master

    def async_client(self, **options: Any) -> "redis.asyncio.Redis":
        """A client for an event loop."""
        if not self.sentinels:
            return redis.asyncio.Redis.from_url(self.url, **options)
        watchers = AsyncSentinel(self.sentinels, sentinel_kwargs=_ASKED_ONCE_BY_LOOPS)  # type: ignore[no-untyped-call]
        master: redis.asyncio.Redis = watchers.master_for(
            self.service, **self.credentials, **options
        )
        return master

    def cache(self, options: dict[str, Any]) -> dict[str, Any]:
        """The settings of a cache of django-redis.

        Args:
            options: of each connection.
        """
        backend = {"BACKEND": "django_redis.cache.RedisCache"}
        if not self.sentinels:
            return backend | {
                "LOCATION": self.url,
                "OPTIONS": {"CONNECTION_POOL_KWARGS": options},
            }
        return backend | {
            "LOCATION": f"redis://{self.service}/{self.database}",
            "OPTIONS": {
                "CONNECTION_FACTORY": "django_redis.pool.SentinelConnectionFactory",
                "CONNECTION_POOL_CLASS": "redis.sentinel.SentinelConnectionPool",
                "SENTINELS": self.sentinels,
                "SENTINEL_KWARGS": _ASKED_ONCE,
                "CONNECTION_POOL_KWARGS": options | self.credentials,
            },
        }

    def channel_layer_host(self) -> dict[str, Any]:
        """A host of channels_redis."""
        if not self.sentinels:
            return {"address": self.url}
        return {
            "master_name": self.service,
            "sentinels": list(self.sentinels),
            "sentinel_kwargs": _ASKED_ONCE_BY_LOOPS,
            **self.credentials,
        }

    def broker(self) -> tuple[str, dict[str, Any]]:
        """Kombu's spelling of the address, and the options that go with it."""
        if self.sentinels:
            secret = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
            return ";".join(
                f"sentinel://{secret if self.password else ''}{host}:{port}/{self.database}"
                for host, port in self.sentinels
            ), {"master_name": self.service, "sentinel_kwargs": dict(_ASKED_ONCE)}
        parts = urlsplit(self.url)
        if not self.is_unix_socket:
            return self.url, {}
        # It calls a Unix socket redis+socket.
        options = {"virtual_host": parse_qs(parts.query).get("db", ["0"])[0]}
        return f"redis+socket://{parts.path}?{urlencode(options)}", {}


@lru_cache(maxsize=8)
def parse_redis_address(text: str) -> RedisAddress:
    """
    Raises:
        ValueError: it cannot be read.
    """
    found = _SENTINEL.fullmatch(text)
    if found is None:
        parse_url(text)  # type: ignore[no-untyped-call]
        # The client disregards the name of a database that is no number.
        if not _PLAIN.fullmatch(text):
            raise ValueError(text)
        return RedisAddress(text)
    sentinels = []
    for host in found["hosts"].split(","):
        name, _, port = host.rpartition(":") if re.search(r":\d+$", host) else (host, "", "")
        sentinels.append((name.strip("[]"), int(port or _DEFAULT_PORT)))
    if not all(name for name, _ in sentinels):
        raise ValueError(text)
    return RedisAddress(
        text,
        sentinels=tuple(sentinels),
        service=found["service"],
        database=int(found["database"] or 0),
        user=unquote(found["user"] or ""),
        password=unquote(found["password"] or found["only"] or ""),
    )
