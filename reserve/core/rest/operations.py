"""What one operation of REST takes, answers and refuses, said once.

The view reads from it which query string it checks, and OpenAPI what it tells.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, TypeVar

from rest_framework import serializers

from reserve.core.errors import DomainError
from reserve.core.rest.serializers import StrictSerializer
from reserve.core.rest.sparse import MembersField, members_of

Handler = TypeVar("Handler", bound=Callable[..., Any])
Answer = type[serializers.BaseSerializer[Any]] | serializers.BaseSerializer[Any] | None


class Login(Enum):
    """Whether an operation needs an access token."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        name: how clients that are generated call it.
        query: what the query string may say.
        lists: parameters of it that may be repeated.
        body: what is sent.
        answers: what is sent back; of pages and lists too.
        status: of a success.
        login: whether it needs a token.
        refusals: what may be refused beside what every operation refuses.
        headers: request headers that it reads: description and JSON Schema of each.
        example: a body.
        preview: what a dry run answers, with 200.
        last_modified: whether it tells since when its answer is so.
        is_kept: whether a client may keep what it reads, and ask whether it is still so.
    """

    name: str
    query: type[StrictSerializer] = StrictSerializer
    lists: Collection[str] = ()
    body: type[serializers.BaseSerializer[Any]] | None = None
    answers: Any = None
    status: int = 200
    login: Login = Login.OPTIONAL
    refusals: tuple[type[DomainError], ...] = ()
    headers: Mapping[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    example: Any = None
    preview: Any = None
    last_modified: bool = False
    is_kept: bool = True

    @cached_property
    def members(self) -> tuple[str, ...]:
        """The members of what it answers that `fields` may choose from."""
        return members_of(self.answers)

    @cached_property
    def asked(self) -> type[StrictSerializer]:
        """The whole query string: with `fields` where the answer can be made sparse."""
        if not self.is_sparse:
            return self.query
        members = {"fields": MembersField(self.members)}
        return type(f"Sparse{self.query.__name__}", (self.query,), members)

    @property
    def is_sparse(self) -> bool:
        return self._reads and bool(self.members)

    _reads: bool = False


def operation(name: str, **options: Any) -> Callable[[Handler], Handler]:
    """Says of a view's method what `Operation` holds."""

    def declare(handler: Handler) -> Handler:
        reads = handler.__name__ == "get"
        handler.operation = Operation(name, _reads=reads, **options)  # type: ignore[attr-defined]
        return handler

    return declare


def operation_of(view: Any, method: str) -> Operation | None:
    """What a view says of a method, or None where it has no such method."""
    return getattr(getattr(view, method.lower(), None), "operation", None)
