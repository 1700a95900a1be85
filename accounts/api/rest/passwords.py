from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.authentication import actor_of
from accounts.password_threads import wait_for_password_thread
from accounts.services import emails, passwords
from reserve.core.rest.serializers import StrictCharField, StrictSerializer


class LinkSerializer(StrictSerializer):
    token = StrictCharField(max_length=4096, help_text="That of the link in the mail.")


class EmailSerializer(StrictSerializer):
    email = StrictCharField()


class EmailChangeSerializer(StrictSerializer):
    email = StrictCharField(help_text="The new address.")
    password = StrictCharField(trim_whitespace=False)


class ResetPasswordSerializer(LinkSerializer):
    password = StrictCharField(trim_whitespace=False, help_text="The new one.")


class ChangePasswordSerializer(StrictSerializer):
    current_password = StrictCharField(trim_whitespace=False)
    new_password = StrictCharField(trim_whitespace=False)


class RequestEmailVerificationView(APIView):
    @extend_schema(request=None, responses={202: None})
    def post(self, request: Request) -> Response:
        """Have the link sent again that verifies the caller's address."""
        emails.request_email_verification(actor=actor_of(request))
        return Response(status=202)


class VerifyEmailView(APIView):
    @extend_schema(request=LinkSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Show that the address is yours, by the link sent to it."""
        body = LinkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        emails.verify_email(**body.validated_data)
        return Response(status=204)


class RequestEmailChangeView(APIView):
    @extend_schema(request=EmailChangeSerializer, responses={202: None})
    def post(self, request: Request) -> Response:
        """Have a link sent to a new address, which counts once it is verified."""
        body = EmailChangeSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wait_for_password_thread(
            emails.request_email_change, actor=actor_of(request), **body.validated_data
        )
        return Response(status=202)


class ConfirmEmailChangeView(APIView):
    @extend_schema(request=LinkSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Change to the new address, by the link sent to it."""
        body = LinkSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        emails.confirm_email_change(**body.validated_data)
        return Response(status=204)


class RequestPasswordResetView(APIView):
    @extend_schema(request=EmailSerializer, responses={202: None})
    def post(self, request: Request) -> Response:
        """Have a link sent to an address, if it has an account; the answer does not tell."""
        body = EmailSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        passwords.request_password_reset(**body.validated_data)
        return Response(status=202)


class ResetPasswordView(APIView):
    @extend_schema(request=ResetPasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a new password by the link that was sent. Ends every login."""
        body = ResetPasswordSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wait_for_password_thread(passwords.reset_password, **body.validated_data)
        return Response(status=204)


class ChangePasswordView(APIView):
    @extend_schema(request=ChangePasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Set a new password. Ends all other logins."""
        body = ChangePasswordSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        wait_for_password_thread(
            passwords.change_password, actor=actor_of(request), **body.validated_data
        )
        return Response(status=204)
