"""Whatever moves slots can be asked with `?dry_run=true` first.

The answer is what would become of the slots, and nothing is changed.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from bookings.api.rest.previews import PreviewSerializer
from bookings.errors import SlotBusy
from bookings.services.previews import preview
from reserve.core.errors import Conflict, Forbidden
from reserve.core.rest.operations import Handler, Login, operation
from reserve.core.rest.serializers import StrictSerializer
from reserve.core.rest.views import View

Changed = TypeVar("Changed")


class DryRunQuery(StrictSerializer):
    dry_run = serializers.BooleanField(
        default=False, help_text="Answer what would become of the slots, and change nothing."
    )


def schedule_operation(name: str, **options: Any) -> Callable[[Handler], Handler]:
    """An operation of owners and managers that moves slots, and can be tried first."""
    return operation(
        name,
        query=DryRunQuery,
        preview=PreviewSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict, SlotBusy),
        **options,
    )


def change_or_preview(
    view: View,
    request: Request,
    venue_id: UUID,
    change: Callable[[], Changed],
    answer: Callable[[Changed], Response],
) -> Response:
    """Make a change and answer it; or in a dry run, answer what it would do."""
    if view.asked["dry_run"]:
        found = preview(actor=actor_of(request), venue_id=venue_id, change=change)
        return Response(PreviewSerializer(found).data)
    return answer(change())
