from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
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
        self._loaders: dict[Hashable, DataLoader] = {}

    def load(
        self, read: Callable[..., Mapping[Key, Value | Exception]], key: Key, **options: Hashable
    ) -> Awaitable[Value]:
        """The value of a key, read together with all others that are asked for at once.

        `read` is a selector from keys, and perhaps options, to a mapping; it runs once
        per turn of the event loop and choice of options, in a database thread. An
        exception in place of a value is raised.
        """
        asked = read, *sorted(options.items())
        loader = self._loaders.get(asked)
        if loader is None:
            loader = DataLoader(batch_load_fn=_batch(partial(read, **options)))
            self._loaders[asked] = loader
        value: Awaitable[Value] = loader.load(key)
        return value


def _batch(
    read: Callable[[Sequence[Any]], Mapping[Any, Any]],
) -> Callable[[Sequence[Any]], Awaitable[list[Any]]]:
    async def load(keys: Sequence[Any]) -> list[Any]:
        values = await in_database(read, keys)
        return [values.get(key) for key in keys]

    return load
