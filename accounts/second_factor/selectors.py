"""Who has a second factor, who must have one, and what a session still lacks."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import Membership, Role, User

# From which role on; administrators come first, everybody else in the admin last.
_REQUIRED_ROLES = {
    "owners": (Role.OWNER,),
    "managers": (Role.OWNER, Role.MANAGER),
}


class Step(Enum):
    """What stands between a session and the admin."""

    CODE = "code"
    SET_UP = "set_up"


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What its owner, or an administrator, may know of it: no secret."""

    since: datetime | None
    last_used_at: datetime | None
    recovery_codes_left: int


def second_factor_of(user: User) -> SecondFactor | None:
    device = TOTPDevice.objects.filter(user=user, confirmed=True).first()
    if device is None:
        return None
    left = StaticToken.objects.filter(device__user=user, device__confirmed=True).count()
    return SecondFactor(device.created_at, device.last_used_at, left)


def export_second_factor(user_id: UUID) -> dict[str, Any] | None:
    """For the person's export, that there is one, and when it was used; not its secret."""
    found = second_factor_of(User.objects.get(pk=user_id))
    return asdict(found) if found else None


def has_second_factor(user: User) -> bool:
    return bool(TOTPDevice.objects.filter(user=user, confirmed=True).exists())


def must_have_second_factor(user: User) -> bool:
    """By SECOND_FACTOR_REQUIRED_FOR; whoever may not open the admin need not."""
    required_for = settings.SECOND_FACTOR_REQUIRED_FOR
    if required_for == "nobody" or not user.is_staff:
        return False
    if user.is_superuser or required_for == "staff":
        return True
    roles = _REQUIRED_ROLES[required_for]
    return Membership.objects.filter(user=user, role__in=roles).exists()


def open_step(request: HttpRequest) -> Step | None:
    """What the session of a person who is logged in still lacks, read once per request.

    Whatever lets staff in by their browser's session asks this, as the admin does.
    """
    known = vars(request)
    if "second_factor_step" not in known:
        known["second_factor_step"] = _open_step(request)
    step: Step | None = known["second_factor_step"]
    return step


def forget_step(request: HttpRequest) -> None:
    """To be read anew: the request has changed it."""
    vars(request).pop("second_factor_step", None)


def _open_step(request: HttpRequest) -> Step | None:
    user = request.user
    if not isinstance(user, User) or getattr(user, "otp_device", None) is not None:
        return None
    if has_second_factor(user):
        return Step.CODE
    return Step.SET_UP if must_have_second_factor(user) else None
