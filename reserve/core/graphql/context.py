from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from graphene.utils.dataloader import DataLoader

from reserve.core.database import in_database

Key = TypeVar("Key")
Value = TypeVar("Value")


class Context:
    """What resolvers share within one operation: who asks, and what was already read."""

    def __init__(self, actor: Any, idempotency_key: str | None = None) -> None:
        self.actor = actor
        self.idempotency_key = idempotency_key
        self._loaders: dict[Callable[..., Any], DataLoader] = {}

    def load(
        self, read: Callable[[Sequence[Key]], Mapping[Key, Value]], key: Key
    ) -> Awaitable[Value]:
        """The value of a key, read together with all others that are asked for at once.

        `read` is a selector from keys to a mapping; it runs once per turn of the
        event loop, in a database thread.
        """
        loader = self._loaders.get(read)
        if loader is None:
            loader = self._loaders[read] = DataLoader(batch_load_fn=_batch(read))
        value: Awaitable[Value] = loader.load(key)
        return value


def _batch(
    read: Callable[[Sequence[Any]], Mapping[Any, Any]],
) -> Callable[[Sequence[Any]], Awaitable[list[Any]]]:
    async def load(keys: Sequence[Any]) -> list[Any]:
        values = await in_database(read, keys)
        return [values.get(key) for key in keys]

    return load
