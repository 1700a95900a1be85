"""What this app must know of the apps above it, which it does not import.

Settings name their functions, as `EVENT_ROUTES` names handlers.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

ExportPart = Callable[[UUID], Any]
"""What an app holds of the person with this id, as JSON has it."""


def export_parts() -> Mapping[str, ExportPart]:
    """A part of the export of an account for each app that holds something of a person."""
    parts: Mapping[str, ExportPart] = import_string(settings.ACCOUNT_EXPORT_PARTS)
    return parts


def are_venues_of(organization_id: UUID, venue_ids: Collection[UUID]) -> bool:
    """Whether all of these are venues of the organization."""
    check: Callable[[UUID, Collection[UUID]], bool] = import_string(settings.VENUES_OF_ORGANIZATION)
    return check(organization_id, venue_ids)
