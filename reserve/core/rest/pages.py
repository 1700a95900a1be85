"""Pages by REST: how many there are, and the addresses of the pages beside this one."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from reserve.core.pages import MAX_PAGE_SIZE, Ordering, Page
from reserve.core.rest.serializers import StrictSerializer

Row = TypeVar("Row")

DEFAULT_PAGE_SIZE = 20


class OrderingField(serializers.ChoiceField):
    """By what a list is in order: one of some members; `-` before it for the largest first."""

    def __init__(self, **columns: str) -> None:
        """columns: the column of each member that may be named."""
        names = [sign + name for name in columns for sign in ("", "-")]
        super().__init__(
            choices=names,
            required=False,
            help_text="What the list is in order of; with `-`, the largest first.",
        )
        self._columns = columns

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.choices)}

    def to_internal_value(self, data: Any) -> Any:
        name = super().to_internal_value(data)
        return Ordering(self._columns[name.removeprefix("-")], name.startswith("-"))


class PageQuery(StrictSerializer):
    """Which page; the addresses in `next` and `previous` say it already."""

    first = serializers.IntegerField(
        default=DEFAULT_PAGE_SIZE,
        min_value=1,
        max_value=MAX_PAGE_SIZE,
        help_text=f"Page size, at most {MAX_PAGE_SIZE}.",
    )
    after = serializers.CharField(
        required=False, help_text="The cursor after which the page begins."
    )
    before = serializers.CharField(required=False, help_text="The cursor before which it ends.")


def page_response(
    request: Request, page: Page[Row], render: Callable[[Row], dict[str, Any]]
) -> Response:
    return Response(
        {
            "count": page.total,
            "next": _address(request, after=page.cursors[-1])
            if page.has_next and page.cursors
            else None,
            "previous": _address(request, before=page.cursors[0])
            if page.has_previous and page.cursors
            else None,
            "results": [render(row) for row in page.items],
        }
    )


def _address(request: Request, **cursor: str) -> str:
    """The address of this list at another place; what else was asked for stays."""
    query = request.query_params.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    query.update(cursor)
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


@cache
def page_schema(name: str, serializer: type[serializers.Serializer[Any]]) -> Any:
    """What OpenAPI says of a page."""
    fields = {
        "count": serializers.IntegerField(help_text="How many there are altogether."),
        "next": serializers.URLField(allow_null=True, help_text="Address of the next page."),
        "previous": serializers.URLField(allow_null=True, help_text="Of the one before."),
        "results": serializer(many=True),
    }
    return type(f"{name}PageSerializer", (serializers.Serializer,), fields)
