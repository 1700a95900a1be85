"""When venues are open: the types, and what is said of them."""

from typing import Any

import graphene
from graphene_django import DjangoObjectType

from reserve.core.graphql.described import own_id
from venues import models
from venues.api import descriptions
from venues.api.graphql.fields import asked, shown

_OpeningHoursFields: Any = shown(models.OpeningHours, descriptions.OPENING_HOURS)


class OpeningHours(_OpeningHoursFields, DjangoObjectType):
    """One stretch of one weekday, by the venue's clock, and how slots lie in it."""

    id = own_id("hours")
    resource_id = graphene.ID(description=descriptions.RESOURCE_ID)

    class Meta:
        model = models.OpeningHours
        fields = ()

    @staticmethod
    def resolve_id(hours: models.OpeningHours, _info):
        return hours.public_id

    @staticmethod
    def resolve_resource_id(hours: models.OpeningHours, _info):
        return _resource_id(hours)


_SpecialHoursFields: Any = shown(models.SpecialHours, descriptions.SPECIAL_HOURS)


class SpecialHours(_SpecialHoursFields, DjangoObjectType):
    """One stretch of every day of a range, in place of the same owner's week."""

    id = own_id("special")
    resource_id = graphene.ID(description=descriptions.RESOURCE_ID)

    class Meta:
        model = models.SpecialHours
        fields = ()

    @staticmethod
    def resolve_id(hours: models.SpecialHours, _info):
        return hours.public_id

    @staticmethod
    def resolve_resource_id(hours: models.SpecialHours, _info):
        return _resource_id(hours)


_ClosureFields: Any = shown(models.Closure, descriptions.CLOSURE)


class Closure(_ClosureFields, DjangoObjectType):
    """Days on which a venue, or one resource of it, offers nothing."""

    id = own_id("closure")
    resource_id = graphene.ID(description=descriptions.RESOURCE_ID)

    class Meta:
        model = models.Closure
        fields = ()

    @staticmethod
    def resolve_id(closure: models.Closure, _info):
        return closure.public_id

    @staticmethod
    def resolve_resource_id(closure: models.Closure, _info):
        return _resource_id(closure)


def _resource_id(row: models.OpeningHours | models.SpecialHours | models.Closure) -> str | None:
    return models.Resource.format_id(row.resource_id) if row.resource_id else None


_OpeningInputFields: Any = asked(
    models.OpeningHours, descriptions.OPENING_HOURS, required=("weekday", "opens_at", "closes_at")
)


class OpeningInput(_OpeningInputFields, graphene.InputObjectType):
    """One stretch of one weekday."""


_SpecialOpeningInputFields: Any = asked(
    models.SpecialHours,
    descriptions.SPECIAL_HOURS,
    required=("first_date", "last_date", "opens_at", "closes_at"),
)


class SpecialOpeningInput(_SpecialOpeningInputFields, graphene.InputObjectType):
    """One stretch of every day of a range."""
