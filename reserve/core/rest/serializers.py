"""Serializers that take JSON as it is: no coercion, no unknown members."""

from collections.abc import Collection, Mapping
from datetime import date, datetime, time
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from rest_framework import serializers
from rest_framework.request import Request

from reserve.core import sentences


def _says(sentence: str) -> Any:
    """What a field says of a value of the wrong kind; null is of no kind."""
    return {"invalid": sentence, "null": sentence, "required": sentences.REQUIRED}


class StrictIntegerField(serializers.IntegerField):
    """An integer of JSON; neither `"4"` nor `true` is one."""

    default_error_messages = _says(sentences.WHOLE_NUMBER)

    def __init__(self, **options: Any) -> None:
        if {"min_value", "max_value"} <= options.keys():
            sentence = sentences.from_to(options["min_value"], options["max_value"])
            options["error_messages"] = {"min_value": sentence, "max_value": sentence}
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A string of JSON; a number is none."""

    default_error_messages = _says(sentences.TEXT)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictTextField(StrictCharField):
    """A string of JSON as it is: empty or not, spaces and all. Services say what it may hold."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**({"allow_blank": True, "trim_whitespace": False} | options))


class StrictBooleanField(serializers.BooleanField):
    """true or false of JSON; neither 1 nor `"true"` is either."""

    default_error_messages = _says(sentences.TRUE_OR_FALSE)

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictFloatField(serializers.FloatField):
    """A number of JSON."""

    default_error_messages = _says(sentences.NUMBER)

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class StrictDateField(serializers.DateField):
    """A date of ISO 8601."""

    default_error_messages = _says(sentences.DATE)

    def to_internal_value(self, value: Any) -> date:
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.fail("invalid")


class StrictTimeField(serializers.TimeField):
    """A time of day of ISO 8601. Services say how exact it may be."""

    default_error_messages = _says(sentences.TIME_OF_DAY)

    def to_internal_value(self, value: Any) -> time:
        try:
            return time.fromisoformat(value)
        except (TypeError, ValueError):
            self.fail("invalid")


class StrictInstantField(serializers.DateTimeField):
    """A time of RFC 3339 with its offset, without which it is no instant."""

    default_error_messages = _says(sentences.INSTANT) | {"date": sentences.INSTANT}

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid")
        return super().to_internal_value(value)

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("invalid")
        return value


class StrictChoiceField(serializers.ChoiceField):
    """A string of JSON. Services refuse what is none of the choices, which the schema lists."""

    default_error_messages = _says(sentences.TEXT)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return data


LIST_MESSAGES: Any = _says(sentences.LIST) | {"not_a_list": sentences.LIST}


class StrictListField(serializers.ListField):
    default_error_messages = LIST_MESSAGES


class StrictListSerializer(serializers.ListSerializer[Any]):
    """A list of objects; `Meta.list_serializer_class` of what it holds."""

    default_error_messages = LIST_MESSAGES


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members that it does not know."""

    limits: ClassVar[Mapping[str, Any]] = {}
    """JSON Schema of what services hold members to, each refusal in their own words."""

    default_error_messages = _says(sentences.OBJECT)

    def to_internal_value(self, data: Any) -> Any:
        _refuse_unknown(self, data)
        return super().to_internal_value(data)


class StrictModelSerializer(serializers.ModelSerializer[Any]):
    """Reads the named fields of a model: the kind of each value, and no more.

    What a value may be is the services' to say, in the words that they have for
    everybody. A field that need not be given keeps its default, or its value.
    """

    limits: ClassVar[Mapping[str, Any]] = {}
    """As those of `StrictSerializer`, beside what the model's fields say themselves."""

    default_error_messages = _says(sentences.OBJECT)
    serializer_field_mapping: ClassVar[Any] = {
        models.BooleanField: StrictBooleanField,
        models.PositiveIntegerField: StrictIntegerField,
        models.PositiveSmallIntegerField: StrictIntegerField,
        models.FloatField: StrictFloatField,
        models.DateField: StrictDateField,
        models.TimeField: StrictTimeField,
        models.CharField: StrictTextField,
        models.TextField: StrictTextField,
        ArrayField: StrictListField,
    }
    _ALIKE = ("required", "allow_null", "help_text")

    def to_internal_value(self, data: Any) -> Any:
        _refuse_unknown(self, data)
        return super().to_internal_value(data)

    def get_validators(self) -> list[Any]:
        return []

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        kind: Any = next(
            ours
            for theirs, ours in self.serializer_field_mapping.items()
            if isinstance(model_field, theirs)
        )
        _, options = super().build_standard_field(field_name, model_field)
        options = {name: options[name] for name in self._ALIKE if name in options}
        if kind is StrictListField:
            is_numbers = isinstance(model_field.base_field, models.IntegerField)
            child: Any = StrictIntegerField() if is_numbers else StrictTextField()
            sentence = sentences.WHOLE_NUMBERS if is_numbers else sentences.TEXTS
            options |= {"child": child, "error_messages": _says(sentence)}
            options["error_messages"]["not_a_list"] = sentence
        elif model_field.choices and kind is StrictTextField:
            kind, options["choices"] = StrictChoiceField, model_field.choices
        return kind, options


def _refuse_unknown(serializer: serializers.Serializer[Any], data: Any) -> None:
    if isinstance(data, dict) and (unknown := data.keys() - serializer.fields.keys()):
        raise serializers.ValidationError(
            {name: [sentences.UNKNOWN] for name in sorted(map(str, unknown))}
        )


def body_of(
    request: Request, kind: type[serializers.BaseSerializer[Any]], *, partial: bool = False
) -> Any:
    """What the body says, checked.

    Args:
        partial: whatever is left out stays as it is.

    Raises:
        ValidationError: a member is not known, missing, or of the wrong kind.
    """
    return _reader(kind, partial=partial).run_validation(request.data)


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
    asked: dict[str, Any] = _reader(kind).run_validation(texts)
    return asked


# To make one copies each of its fields, which takes longer than to read by them. It keeps
# nothing of what it has read.
_readers: dict[Any, serializers.BaseSerializer[Any]] = {}


def _reader(
    kind: type[serializers.BaseSerializer[Any]], *, partial: bool = False
) -> serializers.BaseSerializer[Any]:
    reader = _readers.get((kind, partial))
    if reader is None:
        reader = _readers[kind, partial] = kind(partial=partial)
    return reader
