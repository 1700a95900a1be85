from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower

from reserve.core.ids import UlidField, UlidModel


def normalise_email(email: str) -> str:
    """The one form in which an address is stored and compared."""
    return email.strip().lower()


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
    email = models.EmailField(unique=True, help_text="Lower case; what the person logs in with.")
    name = models.CharField(max_length=200)
    phone = models.CharField(max_length=32, blank=True)
    locale = models.CharField(max_length=16, default="en", help_text="BCP 47 language tag.")
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May open the admin.")
    created_at = models.DateTimeField(auto_now_add=True)

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
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("organization", "user")
        constraints = (
            models.UniqueConstraint(fields=("organization", "user"), name="one_role_per_member"),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()} of {self.organization}"


class Login(UlidModel):
    """One login of one person: the family of refresh tokens that descend from it."""

    id = UlidField("login")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="logins")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    refresh_jti = models.CharField(
        max_length=64, help_text="The one refresh token of the family that may be used next."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.user}, {self.created_at:%Y-%m-%d %H:%M}"
