from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.hashing import PASSWORD_LIMITS
from accounts.links import MAX_TOKEN
from accounts.password_threads import wait_for_password_thread
from accounts.person import PERSON_LIMITS
from accounts.services import emails, passwords
from reserve.core.errors import Conflict
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.serializers import StrictCharField, StrictSerializer, body_of
from reserve.core.rest.views import View

_EXAMPLE_LINK = {"token": "eyJ0IjoiZXhhbXBsZSJ9:1tZ0aB:c2lnbmF0dXJl"}


class LinkSerializer(StrictSerializer):
    token = StrictCharField(max_length=MAX_TOKEN, help_text="That of the link in the mail.")


class EmailSerializer(StrictSerializer):
    limits = PERSON_LIMITS

    email = StrictCharField()


class EmailChangeSerializer(StrictSerializer):
    limits = PERSON_LIMITS | {"password": PASSWORD_LIMITS}

    email = StrictCharField(help_text="The new address.")
    password = StrictCharField(trim_whitespace=False)


class ResetPasswordSerializer(LinkSerializer):
    limits: ClassVar[Mapping[str, Any]] = {"password": PASSWORD_LIMITS}

    password = StrictCharField(trim_whitespace=False, help_text="The new one.")


class ChangePasswordSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = {
        "current_password": PASSWORD_LIMITS,
        "new_password": PASSWORD_LIMITS,
    }

    current_password = StrictCharField(trim_whitespace=False)
    new_password = StrictCharField(trim_whitespace=False)


class RequestEmailVerificationView(View):
    @operation("request_email_verification", status=202, login=Login.REQUIRED, refusals=(Conflict,))
    def post(self, request: Request) -> Response:
        """Have the link sent again that verifies the caller's address."""
        emails.request_email_verification(actor=actor_of(request))
        return Response(status=202)


class VerifyEmailView(View):
    @operation(
        "verify_email",
        body=LinkSerializer,
        example=_EXAMPLE_LINK,
        status=204,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """Show that the address is yours, by the link sent to it."""
        body = body_of(request, LinkSerializer)
        emails.verify_email(**body)
        return Response(status=204)


class RequestEmailChangeView(View):
    @operation(
        "request_email_change",
        body=EmailChangeSerializer,
        example={"email": "ada@example.org", "password": "securepass"},
        status=202,
        login=Login.REQUIRED,
    )
    def post(self, request: Request) -> Response:
        """Have a link sent to a new address, which counts once it is verified."""
        body = body_of(request, EmailChangeSerializer)
        wait_for_password_thread(emails.request_email_change, actor=actor_of(request), **body)
        return Response(status=202)


class ConfirmEmailChangeView(View):
    @operation(
        "confirm_email_change",
        body=LinkSerializer,
        example=_EXAMPLE_LINK,
        status=204,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """Change to the new address, by the link sent to it."""
        body = body_of(request, LinkSerializer)
        emails.confirm_email_change(**body)
        return Response(status=204)


class RequestPasswordResetView(View):
    @operation(
        "request_password_reset",
        body=EmailSerializer,
        example={"email": "user@example.com"},
        status=202,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """Have a link sent to an address, if it has an account; the answer does not tell."""
        body = body_of(request, EmailSerializer)
        passwords.request_password_reset(**body)
        return Response(status=202)


class ResetPasswordView(View):
    @operation(
        "reset_password",
        body=ResetPasswordSerializer,
        example=_EXAMPLE_LINK | {"password": "another secure one"},
        status=204,
        login=Login.NONE,
    )
    def post(self, request: Request) -> Response:
        """Set a new password by the link that was sent. Ends every login."""
        body = body_of(request, ResetPasswordSerializer)
        wait_for_password_thread(passwords.reset_password, **body)
        return Response(status=204)


class ChangePasswordView(View):
    @operation(
        "change_password",
        body=ChangePasswordSerializer,
        example={"current_password": "securepass", "new_password": "another secure one"},
        status=204,
        login=Login.REQUIRED,
    )
    def post(self, request: Request) -> Response:
        """Set a new password. Ends all other logins."""
        body = body_of(request, ChangePasswordSerializer)
        wait_for_password_thread(passwords.change_password, actor=actor_of(request), **body)
        return Response(status=204)
