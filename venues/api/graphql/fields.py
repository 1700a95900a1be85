"""GraphQL fields of a model, to show and to ask for, with one description of each."""

from collections.abc import Iterator, Mapping
from typing import Any

import graphene
from django.contrib.postgres.fields import ArrayField
from django.db import models

from reserve.core.graphql.described import enum_of
from reserve.core.graphql.nulls import Clearable
from venues.models import BookingMode as BookingModes
from venues.models import ConfirmationMode as ConfirmationModes

ConfirmationMode = enum_of(
    ConfirmationModes,
    "How a booking is confirmed.",
    {
        ConfirmationModes.AUTOMATIC: "By the queue, normally within a second.",
        ConfirmationModes.MANUAL: "By staff, who approve or decline.",
    },
)
BookingMode = enum_of(
    BookingModes,
    "Which seats of a slot a booking takes.",
    {
        BookingModes.SHARED: "Those of its party: a dining room, a museum.",
        BookingModes.EXCLUSIVE: "All of them; the party must fit: a court, a chair.",
    },
)

_ENUMS = {"confirmation_mode": ConfirmationMode, "booking_mode": BookingMode}
_KINDS: tuple[tuple[type[Any], Any], ...] = (
    (models.BooleanField, graphene.Boolean),
    (models.IntegerField, graphene.Int),
    (models.FloatField, graphene.Float),
    (models.DateField, graphene.Date),
    (models.TimeField, graphene.Time),
    (models.Field, graphene.String),
)


def shown(model: type[models.Model], descriptions: Mapping[str, str]) -> Any:
    """A base class with fields that show a row's values."""
    fields = {
        name: graphene.Field(kind, required=not field.null, description=descriptions[name])
        for name, field, kind in _fields(model, descriptions)
    }
    return type(f"{model.__name__}Fields", (), fields)


def asked(
    model: type[models.Model], descriptions: Mapping[str, str], *, required: tuple[str, ...] = ()
) -> Any:
    """A base class with fields of an input; what is left out keeps its default, or its value."""
    fields = {
        name: (Clearable if field.null else graphene.InputField)(
            kind, required=name in required, description=descriptions[name]
        )
        for name, field, kind in _fields(model, descriptions)
    }
    return type(f"{model.__name__}Input", (), fields)


def _fields(model: type[models.Model], names: Mapping[str, str]) -> Iterator[tuple[str, Any, Any]]:
    for name in names:
        field: Any = model._meta.get_field(name)  # noqa: SLF001
        yield name, field, _ENUMS.get(name) or _kind_of(field)


def _kind_of(field: Any) -> Any:
    if isinstance(field, ArrayField):
        return graphene.List(graphene.NonNull(_kind_of(field.base_field)))
    return next(ours for theirs, ours in _KINDS if isinstance(field, theirs))
