"""Registering the devices that want to be told, and forgetting them."""

import re
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.actors import Actor
from accounts.selectors import current_user
from notifications.kinds import Platform
from notifications.models import Device
from notifications.selectors import MAX_DEVICES, device_of
from reserve.core.errors import Invalid
from reserve.core.logging import get_logger
from reserve.core.sentences import no_choice

log = get_logger(__name__)

# What Apple and Google make: no spaces, nothing beyond ASCII.
MAX_TOKEN = 1024
DEVICE_PATTERN = f"^[!-~]{{8,{MAX_TOKEN}}}$"
_TOKEN = re.compile(DEVICE_PATTERN[1:-1])


def register_device(*, actor: Actor, token: str, platform: str) -> Device:
    """Tell the actor on a device from now on; again, it is the same device.

    A device that changes hands belongs to whoever registered it last. Of more than
    MAX_DEVICES the ones that were registered longest ago go.

    Raises:
        Unauthenticated: nobody is logged in.
        Invalid: the platform is none of ours, or the token looks like none of its.
    """
    user = current_user(actor=actor)
    errors: dict[str, list[str]] = {}
    if platform not in Platform:
        errors["platform"] = [no_choice(platform)]
    if not _TOKEN.fullmatch(token):
        errors["token"] = ["This is not the token of a device."]
    if errors:
        raise Invalid(errors=errors)
    with transaction.atomic():
        device, _ = Device.objects.update_or_create(
            platform=platform,
            token=token,
            defaults={
                "user": user,
                "login_id": actor.login_id,
                "registered_at": Now(),
            },
        )
        kept = Device.objects.filter(user=user).order_by("-registered_at", "-pk")
        Device.objects.filter(pk__in=list(kept.values_list("pk", flat=True)[MAX_DEVICES:])).delete()
    device.refresh_from_db()
    log.info("device_registered", device_id=device.public_id, user_id=user.public_id)
    return device


def remove_device(*, actor: Actor, device_id: UUID) -> None:
    """Tell the actor nothing more on one of their devices.

    Raises:
        Unauthenticated, NotFound: as `device_of`.
    """
    device_of(actor=actor, device_id=device_id).delete()


def forget_ended_devices() -> int:
    """Remove the devices whose login was ended; return how many."""
    return Device.objects.filter(login__revoked_at__isnull=False).delete()[0]
