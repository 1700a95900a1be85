"""Serializers that take JSON as it is: no coercion, no unknown members."""

from collections.abc import Collection
from typing import Any

from rest_framework import serializers
from rest_framework.request import Request


class StrictIntegerField(serializers.IntegerField):
    """An integer of JSON; neither `"4"` nor `true` is one."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A string of JSON; a number is none."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError(
                {name: ["This member is not known."] for name in sorted(map(str, unknown))}
            )
        return super().to_internal_value(data)


def query_of(
    request: Request, kind: type[StrictSerializer], *, lists: Collection[str] = ()
) -> dict[str, Any]:
    """What the query string says, checked; the parameters named in `lists` may be repeated.

    Raises:
        ValidationError: a parameter is not known, missing, or makes no sense.
    """
    given = request.query_params
    texts: dict[str, Any] = given.dict()
    texts |= {name: given.getlist(name) for name in lists if name in given}
    query = kind(data=texts)
    query.is_valid(raise_exception=True)
    asked: dict[str, Any] = query.validated_data
    return asked
