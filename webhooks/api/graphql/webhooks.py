import graphene
from graphene_django import DjangoObjectType

from accounts.models import Organization
from reserve.core.database import in_database
from reserve.core.graphql.connections import PAGE_ARGUMENTS, TotalCount, connection_of
from reserve.core.graphql.described import enum_of, id_of, own_id, taking
from webhooks import kinds, models, selectors
from webhooks.api import descriptions
from webhooks.services import deliveries, endpoints

WebhookDeliveryState = enum_of(
    kinds.DeliveryState,
    descriptions.STATE,
    {
        kinds.DeliveryState.QUEUED: "It waits for its next attempt.",
        kinds.DeliveryState.SENT: "It arrived.",
        kinds.DeliveryState.DEAD: "It was given up.",
        kinds.DeliveryState.SKIPPED: "It was not sent: the webhook was disabled.",
    },
    name="WebhookDeliveryState",
)
WebhookDisabledReason = enum_of(
    kinds.DisabledReason,
    descriptions.DISABLED_REASON,
    {
        kinds.DisabledReason.BY_HAND: "Somebody disabled it.",
        kinds.DisabledReason.FAILING: "Nothing arrived for days.",
        kinds.DisabledReason.GONE: "The receiver said that it is gone.",
    },
    name="WebhookDisabledReason",
)


class Webhook(DjangoObjectType):
    """Where an organization is told of its bookings."""

    id = own_id("webhook")
    url = graphene.String(required=True, description=descriptions.URL)
    description = graphene.String(required=True, description=descriptions.DESCRIPTION)
    event_types = graphene.List(
        graphene.NonNull(graphene.String), required=True, description=descriptions.EVENT_TYPES
    )
    enabled = graphene.Boolean(required=True, description=descriptions.ENABLED)
    created_at = graphene.DateTime(required=True, description=descriptions.CREATED_AT)
    failing_since = graphene.DateTime(description=descriptions.FAILING_SINCE)
    disabled_at = graphene.DateTime(description=descriptions.DISABLED_AT)
    disabled_reason = graphene.Field(
        WebhookDisabledReason, description=descriptions.DISABLED_REASON
    )
    previous_secret_until = graphene.DateTime(description=descriptions.PREVIOUS_UNTIL)

    class Meta:
        model = models.Webhook
        fields = ()

    @staticmethod
    def resolve_id(webhook: models.Webhook, _info):
        return webhook.public_id

    @staticmethod
    def resolve_enabled(webhook: models.Webhook, _info):
        return webhook.is_enabled

    @staticmethod
    def resolve_disabled_reason(webhook: models.Webhook, _info):
        return webhook.disabled_reason or None


class WebhookConnection(TotalCount, graphene.relay.Connection):
    """A page of webhooks."""

    class Meta:
        node = Webhook
        strict_types = True


class WebhookWithSecret(graphene.ObjectType):
    """A webhook and its secret, which is told this once."""

    webhook = graphene.Field(Webhook, required=True, description="The webhook.")
    secret = graphene.String(required=True, description=descriptions.SIGNS)


class WebhookAttempt(graphene.ObjectType):
    """One attempt to send a message."""

    at = graphene.String(required=True, description=descriptions.AT)
    status = graphene.Int(description=descriptions.STATUS)
    error = graphene.String(required=True, description=descriptions.ERROR)
    response = graphene.String(required=True, description=descriptions.RESPONSE)
    milliseconds = graphene.Int(required=True, description=descriptions.MILLISECONDS)


class WebhookDelivery(DjangoObjectType):
    """One message to one webhook."""

    id = own_id("webhookdelivery")
    message_id = graphene.ID(required=True, description=descriptions.MESSAGE_ID)
    type = graphene.String(required=True, description=descriptions.MESSAGE_TYPE)
    state = graphene.Field(WebhookDeliveryState, required=True, description=descriptions.STATE)
    attempts = graphene.Int(required=True, description=descriptions.ATTEMPTS)
    queued_at = graphene.DateTime(required=True, description=descriptions.QUEUED_AT)
    next_attempt_at = graphene.DateTime(description=descriptions.NEXT_ATTEMPT_AT)
    ended_at = graphene.DateTime(description=descriptions.ENDED_AT)
    log = graphene.List(
        graphene.NonNull(WebhookAttempt), required=True, description=descriptions.LOG
    )

    class Meta:
        model = models.WebhookDelivery
        fields = ()

    @staticmethod
    def resolve_id(delivery: models.WebhookDelivery, _info):
        return delivery.public_id

    @staticmethod
    def resolve_next_attempt_at(delivery: models.WebhookDelivery, _info):
        is_queued = delivery.state == kinds.DeliveryState.QUEUED
        return delivery.next_attempt_at if is_queued else None


class WebhookDeliveryConnection(TotalCount, graphene.relay.Connection):
    """A page of what was sent."""

    class Meta:
        node = WebhookDelivery
        strict_types = True


class CreateWebhookInput(graphene.InputObjectType):
    """Where to send what."""

    organization_id = id_of("organization")
    url = graphene.String(required=True, description=descriptions.URL)
    event_types = graphene.List(
        graphene.NonNull(graphene.String), default_value=(), description=descriptions.EVENT_TYPES
    )
    description = graphene.String(default_value="", description=descriptions.DESCRIPTION)
    enabled = graphene.Boolean(default_value=True, description=descriptions.ENABLED)


class UpdateWebhookInput(graphene.InputObjectType):
    """What is left out, or null, stays as it is."""

    id = id_of("webhook")
    url = graphene.String(description=descriptions.URL)
    event_types = graphene.List(
        graphene.NonNull(graphene.String), description=descriptions.EVENT_TYPES
    )
    description = graphene.String(description=descriptions.DESCRIPTION)
    enabled = graphene.Boolean(description=descriptions.ENABLED)


class WebhookQuery(graphene.ObjectType):
    webhooks = graphene.Field(
        WebhookConnection,
        required=True,
        organization_id=id_of("organization"),
        **PAGE_ARGUMENTS,
        description="Those of an organization, the oldest first; for owners and managers.",
    )
    webhook = graphene.Field(
        Webhook, required=True, id=id_of("webhook"), description="One of them, and how it does."
    )
    webhook_deliveries = graphene.Field(
        WebhookDeliveryConnection,
        required=True,
        webhook_id=id_of("webhook"),
        **PAGE_ARGUMENTS,
        description="What was sent to a webhook, the latest first; kept for a month.",
    )

    @staticmethod
    async def resolve_webhooks(_root, info, organization_id, first, after=None):
        page = await in_database(
            selectors.webhooks_page,
            actor=info.context.actor,
            organization_id=Organization.parse_id(organization_id, field="organization_id"),
            first=first,
            after=after,
        )
        return connection_of(WebhookConnection, page)

    @staticmethod
    async def resolve_webhook(_root, info, id):  # noqa: A002 (the contract's name)
        webhook_id = models.Webhook.parse_id(id)
        return await in_database(
            selectors.webhook_of, actor=info.context.actor, webhook_id=webhook_id
        )

    @staticmethod
    async def resolve_webhook_deliveries(_root, info, webhook_id, first, after=None):
        page = await in_database(
            selectors.deliveries_page,
            actor=info.context.actor,
            webhook_id=models.Webhook.parse_id(webhook_id, field="webhook_id"),
            first=first,
            after=after,
        )
        return connection_of(WebhookDeliveryConnection, page)


class Mutation(graphene.ObjectType):
    create_webhook = graphene.Field(
        WebhookWithSecret,
        required=True,
        input=taking(CreateWebhookInput),
        description="Have an organization's events sent to an address (owners and managers).",
    )
    update_webhook = graphene.Field(
        Webhook,
        required=True,
        input=taking(UpdateWebhookInput),
        description="Change a webhook; one that is enabled again begins anew.",
    )
    delete_webhook = graphene.Field(
        graphene.Boolean,
        required=True,
        id=id_of("webhook"),
        description="Remove a webhook with the log of its deliveries; always true.",
    )
    rotate_webhook_secret = graphene.Field(
        WebhookWithSecret,
        required=True,
        id=id_of("webhook"),
        description="Give it another secret; for a day more, messages are signed with both.",
    )
    test_webhook = graphene.Field(
        WebhookDelivery,
        required=True,
        id=id_of("webhook"),
        description="Send a message that only shows whether messages arrive.",
    )
    redeliver_webhook = graphene.Field(
        WebhookDelivery,
        required=True,
        delivery_id=id_of("delivery"),
        description="Send a message once more, under the same id.",
    )

    @staticmethod
    async def resolve_create_webhook(_root, info, input):  # noqa: A002 (the contract's name)
        fields = dict(input)
        organization_id = Organization.parse_id(
            fields.pop("organization_id"), field="organization_id"
        )
        return await in_database(
            endpoints.create_webhook,
            actor=info.context.actor,
            organization_id=organization_id,
            **fields,
        )

    @staticmethod
    async def resolve_update_webhook(_root, info, input):  # noqa: A002
        fields = dict(input)
        webhook_id = models.Webhook.parse_id(fields.pop("id"))
        return await in_database(
            endpoints.update_webhook, actor=info.context.actor, webhook_id=webhook_id, **fields
        )

    @staticmethod
    async def resolve_delete_webhook(_root, info, id) -> bool:  # noqa: A002
        webhook_id = models.Webhook.parse_id(id)
        await in_database(endpoints.delete_webhook, actor=info.context.actor, webhook_id=webhook_id)
        return True

    @staticmethod
    async def resolve_rotate_webhook_secret(_root, info, id):  # noqa: A002
        webhook_id = models.Webhook.parse_id(id)
        return await in_database(
            endpoints.rotate_secret, actor=info.context.actor, webhook_id=webhook_id
        )

    @staticmethod
    async def resolve_test_webhook(_root, info, id):  # noqa: A002
        webhook_id = models.Webhook.parse_id(id)
        return await in_database(
            deliveries.send_test, actor=info.context.actor, webhook_id=webhook_id
        )

    @staticmethod
    async def resolve_redeliver_webhook(_root, info, delivery_id):
        parsed = models.WebhookDelivery.parse_id(delivery_id, field="delivery_id")
        return await in_database(deliveries.redeliver, actor=info.context.actor, delivery_id=parsed)
