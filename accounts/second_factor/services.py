"""Setting up, checking and taking away a second factor.

Codes are checked under a lock of the device, so that one code opens one session
however many browsers send it at once. A refusal is raised after the commit that
counts it.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User
from accounts.second_factor.errors import CodeRefused, PasswordRefused, TooManyCodes
from accounts.second_factor.recovery_codes import LENGTH, digest, new_codes, normalise
from reserve.core.clock import now
from reserve.core.logging import get_logger
from reserve.core.ratelimit import Attempt, charge_attempt

log = get_logger(__name__)

_APP = "Authenticator app"
_RECOVERY = "Recovery codes"
# A secret that was shown and not confirmed is not shown again after this.
_SET_UP_TIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class NewSecondFactor:
    device: Device
    recovery_codes: list[str]


def begin_set_up(*, user: User) -> TOTPDevice:
    """A device that counts for nothing until a code of its has been seen."""
    unconfirmed = TOTPDevice.objects.filter(user=user, confirmed=False)
    unconfirmed.filter(created_at__lt=now() - _SET_UP_TIME).delete()
    return unconfirmed.order_by("pk").last() or TOTPDevice.objects.create(
        user=user, name=_APP, confirmed=False
    )


def confirm_set_up(*, user: User, code: str) -> NewSecondFactor:
    """Make the device count that was begun, and hand out recovery codes, this once.

    Raises:
        CodeRefused: not the code that the app shows, or nothing was begun.
        TooManyCodes: too many were wrong.
    """
    charge_attempt(Attempt.SECOND_FACTOR, account=user.email)
    with transaction.atomic():
        # Two browsers may confirm at once; one second factor comes of it.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        devices = TOTPDevice.objects.filter(user=user)
        device = devices.select_for_update().filter(confirmed=False).order_by("pk").last()
        if devices.filter(confirmed=True).exists():
            device = None
        refusal = _refusal(device, code)
        if device is not None and refusal is None:
            device.confirmed = True
            device.save(update_fields=["confirmed"])
            devices.exclude(pk=device.pk).delete()
            codes = _replace_recovery_codes(user)
    if device is None or refusal is not None:
        log.info("second_factor_set_up_refused", user_id=user.public_id)
        raise refusal or CodeRefused
    log.info("second_factor_set_up", user_id=user.public_id)
    return NewSecondFactor(device, codes)


def check_code(*, user: User, code: str) -> Device:
    """The device that a code, or a recovery code, belongs to. Either works once.

    Raises:
        CodeRefused: neither, or used before.
        TooManyCodes: too many were wrong; also a right one has to wait.
    """
    charge_attempt(Attempt.SECOND_FACTOR, account=user.email)
    with transaction.atomic():
        device = _lock_device(user, code)
        refusal = _refusal(device, code)
    if device is None or refusal is not None:
        log.warning("second_factor_refused", user_id=user.public_id)
        raise refusal or CodeRefused
    event = "recovery_code_used" if isinstance(device, StaticDevice) else "second_factor_passed"
    log.info(event, user_id=user.public_id)
    return device


def check_password_and_code(*, user: User, password: str, code: str) -> Device:
    """Both again, before what an open session alone must not do.

    Raises:
        PasswordRefused: counts as a wrong code does, so that passwords are not guessed here.
        CodeRefused, TooManyCodes: as in `check_code`.
    """
    charge_attempt(Attempt.SECOND_FACTOR, account=user.email)
    with transaction.atomic():
        device = _lock_device(user, code)
        refusal: Exception | None = _wait(device)
        if device is not None and refusal is None and not user.check_password(password):
            device.throttle_increment()
            refusal = PasswordRefused()
    if refusal is not None:
        log.warning("second_factor_refused", user_id=user.public_id)
        raise refusal
    return check_code(user=user, code=code)


def renew_recovery_codes(*, user: User) -> list[str]:
    """Ten new codes; the old ones end."""
    with transaction.atomic():
        codes = _replace_recovery_codes(user)
    log.info("recovery_codes_renewed", user_id=user.public_id)
    return codes


def switch_off(*, user: User) -> None:
    """Take away one's own second factor."""
    _remove(user)
    log.warning("second_factor_switched_off", user_id=user.public_id)


def reset(*, administrator: User, user: User) -> None:
    """Take away somebody's second factor, who has lost both the phone and the codes."""
    _remove(user)
    log.warning(
        "second_factor_reset", user_id=user.public_id, administrator_id=administrator.public_id
    )


def _remove(user: User) -> None:
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()


def _replace_recovery_codes(user: User) -> list[str]:
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name=_RECOVERY)
    codes = new_codes()
    StaticToken.objects.bulk_create(
        StaticToken(device=device, token=digest(code)) for code in codes
    )
    return codes


def _lock_device(user: User, code: str) -> Device | None:
    """The kind of device that such a code is of, locked until the transaction ends."""
    kind = StaticDevice if len(normalise(code)) == LENGTH else TOTPDevice
    device: Device | None = (
        kind.objects.select_for_update().filter(user=user, confirmed=True).first()
    )
    return device


def _refusal(device: Device | None, code: str) -> Exception | None:
    """Try a code on a locked device, which counts the failure."""
    if device is None:
        return CodeRefused()
    if waiting := _wait(device):
        return waiting
    token = digest(code) if isinstance(device, StaticDevice) else normalise(code)
    if isinstance(device, TOTPDevice) and not (token.isascii() and token.isdigit()):
        # The library would read other digits and shorter numbers too.
        token = ""
    return None if device.verify_token(token) else CodeRefused()


def _wait(device: Device | None) -> TooManyCodes | None:
    if device is None:
        return None
    allowed, details = device.verify_is_allowed()
    return None if allowed else TooManyCodes(details["locked_until"])
