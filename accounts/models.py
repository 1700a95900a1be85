from collections.abc import Iterator
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils.crypto import salted_hmac

from accounts.person import (
    MAX_EMAIL,
    MAX_LOCALE,
    MAX_NAME,
    MAX_PHONE,
    MAX_TIMEZONE,
    clean_locale,
    clean_timezone,
    normalise_email,
)
from reserve.core.errors import Invalid
from reserve.core.ids import UlidField, UlidModel


def validate_locale(locale: str) -> None:
    try:
        clean_locale(locale)
    except Invalid as refused:
        raise ValidationError(refused.text) from None


def validate_timezone(timezone: str) -> None:
    try:
        clean_timezone(timezone)
    except Invalid as refused:
        raise ValidationError(refused.text) from None


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=normalise_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=normalise_email(username or ""))


class User(UlidModel, AbstractBaseUser, PermissionsMixin):
    """A person who can log in. What they may do follows from their memberships."""

    id = UlidField("user")
    email = models.EmailField(
        max_length=MAX_EMAIL, unique=True, help_text="Lower case; what the person logs in with."
    )
    email_verified_at = models.DateTimeField(
        null=True, blank=True, help_text="When a link that was sent to the address came back."
    )
    pending_email = models.EmailField(
        max_length=MAX_EMAIL, blank=True, help_text="The next address, until it is verified."
    )
    name = models.CharField(max_length=MAX_NAME)
    phone = models.CharField(max_length=MAX_PHONE, blank=True)
    locale = models.CharField(
        max_length=MAX_LOCALE,
        default="en",
        validators=[validate_locale],
        help_text="BCP 47 language tag.",
    )
    timezone = models.CharField(
        max_length=MAX_TIMEZONE,
        default="UTC",
        validators=[validate_timezone],
        help_text="IANA name, Europe/Copenhagen.",
    )
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May open the admin.")
    session_generation = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Grows when all sessions of browsers end; part of what each session is held to.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(
        db_default=Now(),
        editable=False,
        help_text="When the row last changed; a trigger of the database sees to it.",
    )
    erased_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the person deleted the account; nothing of them is left.",
    )

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        ordering = ("email",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="user_email_is_lower_case"
            ),
        )

    def __str__(self) -> str:
        return self.email

    def get_session_auth_hash(self) -> str:
        """What a browser's session carries; Django ends one that carries another."""
        return self._session_hash()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._session_hash(secret)

    def _session_hash(self, secret: str | bytes | None = None) -> str:
        value = f"{self.session_generation}:{self.password}"
        return salted_hmac("accounts.session", value, secret=secret, algorithm="sha256").hexdigest()


class Organization(UlidModel):
    """A tenant: the business that runs one or more venues."""

    id = UlidField("org")
    name = models.CharField(max_length=200)
    slug = models.SlugField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "OWNER", "Owner"
    MANAGER = "MANAGER", "Manager"
    STAFF = "STAFF", "Staff"


class Membership(UlidModel):
    """A person's role in an organization."""

    id = UlidField("member")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role)
    venue_ids = ArrayField(
        models.UUIDField(),
        default=list,
        blank=True,
        help_text="Where staff work; everywhere in the organization where there are none.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("organization", "user")
        constraints = (
            models.UniqueConstraint(fields=("organization", "user"), name="one_role_per_member"),
            models.CheckConstraint(
                condition=models.Q(role=Role.STAFF) | models.Q(venue_ids=[]),
                name="only_staff_is_limited_to_venues",
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} of {self.organization}"


class Invitation(UlidModel):
    """A role that waits for the person at an address to take it."""

    id = UlidField("invitation")
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField(max_length=MAX_EMAIL)
    role = models.CharField(max_length=16, choices=Role)
    venue_ids = ArrayField(models.UUIDField(), default=list, blank=True)
    invited_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("organization", "email")
        constraints = (
            models.UniqueConstraint(
                fields=("organization", "email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_per_address",
            ),
        )
        indexes = (models.Index(fields=("email",), name="invitation_by_email"),)

    def __str__(self) -> str:
        return f"{self.email}: {self.get_role_display()} of {self.organization}"


class Login(UlidModel):
    """One login of one person: the family of refresh tokens that descend from it.

    The tokens themselves are nowhere: they are signed again, alike, from what is here.
    """

    id = UlidField("login")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="logins")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    refresh_jti = models.CharField(
        max_length=64, help_text="The one refresh token of the family that may be used next."
    )
    previous_jti = models.CharField(
        max_length=64, blank=True, help_text="The one that was used last."
    )
    refreshed_at = models.DateTimeField(
        db_default=Now(), help_text="When the present tokens were issued, by the database's clock."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    device = models.CharField(
        max_length=200, blank=True, help_text="What the client called itself (User-Agent)."
    )
    network = models.CharField(
        max_length=43, blank=True, help_text="The /24 or /48 that the client's address is in."
    )

    class Meta:
        ordering = ("-created_at",)
        indexes = (
            models.Index(
                fields=("revoked_at",),
                condition=models.Q(revoked_at__isnull=False),
                name="login_by_revocation",
            ),
            models.Index(fields=("expires_at",), name="login_by_expiry"),
        )

    def __str__(self) -> str:
        return f"{self.user}, {self.created_at:%Y-%m-%d %H:%M}"
