from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from accounts.models import Organization
from reserve.core.errors import Conflict, Forbidden
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import PageQuery, page_response, page_schema
from reserve.core.rest.serializers import (
    StrictBooleanField,
    StrictListField,
    StrictSerializer,
    StrictTextField,
    body_of,
)
from reserve.core.rest.views import View
from webhooks import selectors
from webhooks.addresses import MAX_URL
from webhooks.api import descriptions
from webhooks.kinds import EVENT_TYPES, MAX_DESCRIPTION, DeliveryState, DisabledReason
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services import deliveries, endpoints


class WebhookSerializer(serializers.Serializer[Webhook]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("webhook"),
        "url": "https://example.com/hooks",
        "description": "The till",
        "event_types": ["booking.confirmed"],
        "enabled": True,
        "created_at": "2030-04-01T09:30:00Z",
        "failing_since": None,
        "disabled_at": None,
        "disabled_reason": "",
        "previous_secret_until": None,
    }
    id = OwnIdField(Webhook)
    url = serializers.CharField(help_text=descriptions.URL)
    description = serializers.CharField(help_text=descriptions.DESCRIPTION)
    event_types = serializers.ListField(
        child=serializers.CharField(), help_text=descriptions.EVENT_TYPES
    )
    enabled = serializers.BooleanField(source="is_enabled", help_text=descriptions.ENABLED)
    created_at = serializers.DateTimeField(help_text=descriptions.CREATED_AT)
    failing_since = serializers.DateTimeField(allow_null=True, help_text=descriptions.FAILING_SINCE)
    disabled_at = serializers.DateTimeField(allow_null=True, help_text=descriptions.DISABLED_AT)
    disabled_reason = serializers.ChoiceField(
        choices=["", *DisabledReason.values], help_text=descriptions.DISABLED_REASON
    )
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text=descriptions.PREVIOUS_UNTIL
    )


class WebhookWithSecretSerializer(serializers.Serializer[endpoints.WithSecret]):
    example: ClassVar[dict[str, Any]] = {
        "webhook": WebhookSerializer.example,
        "secret": "whsec_ZXhhbXBsZSBvZiBhIHNlY3JldCwgbm90IG9uZQ==",
    }
    webhook = WebhookSerializer()
    secret = serializers.CharField(help_text=descriptions.SIGNS)


_LIMITS = {
    "url": {"minLength": 1, "maxLength": MAX_URL},
    "event_types": {
        "maxItems": len(EVENT_TYPES),
        "items": {"type": "string", "enum": list(EVENT_TYPES)},
    },
    "description": {"maxLength": MAX_DESCRIPTION},
}


class NewWebhookSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = _LIMITS

    url = StrictTextField(help_text=descriptions.URL)
    event_types = StrictListField(
        child=StrictTextField(), default=list, help_text=descriptions.EVENT_TYPES
    )
    description = StrictTextField(default="", help_text=descriptions.DESCRIPTION)
    enabled = StrictBooleanField(default=True, help_text=descriptions.ENABLED)


class WebhookChangeSerializer(StrictSerializer):
    """What is left out stays as it is."""

    limits: ClassVar[Mapping[str, Any]] = _LIMITS

    url = StrictTextField(required=False, help_text=descriptions.URL)
    event_types = StrictListField(
        child=StrictTextField(), required=False, help_text=descriptions.EVENT_TYPES
    )
    description = StrictTextField(required=False, help_text=descriptions.DESCRIPTION)
    enabled = StrictBooleanField(required=False, help_text=descriptions.ENABLED)


class AttemptSerializer(serializers.Serializer[dict[str, Any]]):
    at = serializers.DateTimeField(help_text=descriptions.AT)
    status = serializers.IntegerField(allow_null=True, help_text=descriptions.STATUS)
    error = serializers.CharField(help_text=descriptions.ERROR)
    response = serializers.CharField(help_text=descriptions.RESPONSE)
    milliseconds = serializers.IntegerField(help_text=descriptions.MILLISECONDS)


class WebhookDeliverySerializer(serializers.Serializer[WebhookDelivery]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("webhookdelivery"),
        "message_id": example_id("event"),
        "type": "booking.confirmed",
        "state": "SENT",
        "attempts": 1,
        "queued_at": "2030-04-01T09:30:01Z",
        "next_attempt_at": None,
        "ended_at": "2030-04-01T09:30:02Z",
        "log": [
            {
                "at": "2030-04-01T09:30:02Z",
                "status": 204,
                "error": "",
                "response": "",
                "milliseconds": 120,
            }
        ],
    }
    id = OwnIdField(WebhookDelivery)
    message_id = serializers.CharField(help_text=descriptions.MESSAGE_ID)
    type = serializers.CharField(help_text=descriptions.MESSAGE_TYPE)
    state = serializers.ChoiceField(choices=DeliveryState.values, help_text=descriptions.STATE)
    attempts = serializers.IntegerField(help_text=descriptions.ATTEMPTS)
    queued_at = serializers.DateTimeField(help_text=descriptions.QUEUED_AT)
    next_attempt_at = serializers.SerializerMethodField(help_text=descriptions.NEXT_ATTEMPT_AT)
    ended_at = serializers.DateTimeField(allow_null=True, help_text=descriptions.ENDED_AT)
    # Written in JSON already.
    log = serializers.SerializerMethodField(help_text=descriptions.LOG)

    def get_next_attempt_at(self, delivery: WebhookDelivery) -> datetime | None:
        return delivery.next_attempt_at if delivery.state == DeliveryState.QUEUED else None

    @extend_schema_field(AttemptSerializer(many=True))
    def get_log(self, delivery: WebhookDelivery) -> Any:
        return delivery.log


class WebhooksView(View):
    @operation(
        "list_webhooks",
        query=PageQuery,
        answers=page_schema("Webhook", WebhookSerializer),
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(self, request: Request, organization: str) -> Response:
        """Where an organization is told of its bookings, the oldest first."""
        page = selectors.webhooks_page(
            actor=actor_of(request),
            organization_id=Organization.parse_id(organization),
            **self.asked,
        )
        return page_response(request, page, WebhookSerializer().to_representation)

    @operation(
        "create_webhook",
        body=NewWebhookSerializer,
        example={"url": "https://example.com/hooks", "event_types": ["booking.confirmed"]},
        answers=WebhookWithSecretSerializer,
        status=201,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict),
    )
    def post(self, request: Request, organization: str) -> Response:
        """Have events sent to an address; the answer holds the secret, this once."""
        organization_id = Organization.parse_id(organization)
        body = body_of(request, NewWebhookSerializer)
        made = endpoints.create_webhook(
            actor=actor_of(request), organization_id=organization_id, **body
        )
        headers = {"Location": reverse("webhook", args=[organization, made.webhook.public_id])}
        return Response(WebhookWithSecretSerializer(made).data, status=201, headers=headers)


class WebhookView(View):
    @operation(
        "get_webhook", answers=WebhookSerializer, login=Login.REQUIRED, refusals=(Forbidden,)
    )
    def get(self, request: Request, organization: str, webhook: str) -> Response:
        """One of them, and how it does."""
        found = selectors.webhook_of(actor=actor_of(request), **_named(organization, webhook))
        return Response(WebhookSerializer(found).data)

    @operation(
        "update_webhook",
        body=WebhookChangeSerializer,
        example={"enabled": False},
        answers=WebhookSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def patch(self, request: Request, organization: str, webhook: str) -> Response:
        """Change it. One that is enabled again begins anew; what waits for a disabled one ends."""
        named = _named(organization, webhook)
        body = body_of(request, WebhookChangeSerializer)
        changed = endpoints.update_webhook(actor=actor_of(request), **named, **body)
        return Response(WebhookSerializer(changed).data)

    @operation("delete_webhook", status=204, login=Login.REQUIRED, refusals=(Forbidden,))
    def delete(self, request: Request, organization: str, webhook: str) -> Response:
        """Remove it, with the log of its deliveries."""
        endpoints.delete_webhook(actor=actor_of(request), **_named(organization, webhook))
        return Response(status=204)


class RotateSecretView(View):
    @operation(
        "rotate_webhook_secret",
        answers=WebhookWithSecretSerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def post(self, request: Request, organization: str, webhook: str) -> Response:
        """Give it another secret; for a day more, messages are signed with both."""
        made = endpoints.rotate_secret(actor=actor_of(request), **_named(organization, webhook))
        return Response(WebhookWithSecretSerializer(made).data)


class SendTestView(View):
    @operation(
        "test_webhook",
        answers=WebhookDeliverySerializer,
        status=201,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict),
    )
    def post(self, request: Request, organization: str, webhook: str) -> Response:
        """Send a message that only shows whether messages arrive."""
        sent = deliveries.send_test(actor=actor_of(request), **_named(organization, webhook))
        place = reverse("webhook-delivery", args=[organization, webhook, sent.public_id])
        return Response(
            WebhookDeliverySerializer(sent).data, status=201, headers={"Location": place}
        )


class DeliveriesView(View):
    @operation(
        "list_webhook_deliveries",
        query=PageQuery,
        answers=page_schema("WebhookDelivery", WebhookDeliverySerializer),
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(self, request: Request, organization: str, webhook: str) -> Response:
        """What was sent to it, the latest first, with every attempt; kept for a month."""
        page = selectors.deliveries_page(
            actor=actor_of(request), **_named(organization, webhook), **self.asked
        )
        return page_response(request, page, WebhookDeliverySerializer().to_representation)


class DeliveryView(View):
    @operation(
        "get_webhook_delivery",
        answers=WebhookDeliverySerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden,),
    )
    def get(
        self, request: Request, organization: str, webhook: str, webhook_delivery: str
    ) -> Response:
        """One message, with every attempt."""
        found = selectors.delivery_of(
            actor=actor_of(request),
            delivery_id=WebhookDelivery.parse_id(webhook_delivery),
            **_named(organization, webhook),
        )
        return Response(WebhookDeliverySerializer(found).data)


class RedeliverView(View):
    @operation(
        "redeliver_webhook",
        answers=WebhookDeliverySerializer,
        login=Login.REQUIRED,
        refusals=(Forbidden, Conflict),
    )
    def post(
        self, request: Request, organization: str, webhook: str, webhook_delivery: str
    ) -> Response:
        """Send a message once more, under the same id."""
        queued = deliveries.redeliver(
            actor=actor_of(request),
            delivery_id=WebhookDelivery.parse_id(webhook_delivery),
            **_named(organization, webhook),
        )
        return Response(WebhookDeliverySerializer(queued).data)


def _named(organization: str, webhook: str) -> Any:
    return {
        "organization_id": Organization.parse_id(organization),
        "webhook_id": Webhook.parse_id(webhook),
    }
