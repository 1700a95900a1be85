"""GraphQL, REST and its schema, and what one app asks of another by a name."""

EVENT_ROUTES = "reserve.event_routes.ROUTES"
ACCOUNT_EXPORT_PARTS = "reserve.export_parts.PARTS"
VENUES_OF_ORGANIZATION = "venues.selectors.are_venues_of"
MAX_BODY_BYTES = 1 << 20
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

GRAPHENE = {"SCHEMA": "reserve.schema.schema", "SCHEMA_OUTPUT": "schema.graphql"}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.AccessTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["reserve.core.rest.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["reserve.core.rest.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "reserve.core.rest.negotiation.OnlyJSON",
    "DEFAULT_METADATA_CLASS": "reserve.core.rest.negotiation.AllowedMethods",
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "reserve.core.rest.openapi.operations.OperationSchema",
    "EXCEPTION_HANDLER": "reserve.core.rest.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "ReserveAPI",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "BookingStatus": "bookings.api.rest.fields.BOOKING_STATUSES",
        "SlotStatus": "bookings.api.rest.fields.SLOT_STATUSES",
        "Role": "accounts.models.Role",
        "BookingMode": "venues.models.BookingMode",
        "ConfirmationMode": "venues.models.ConfirmationMode",
        "Weekday": "venues.models.Weekday",
        "NotificationKind": "notifications.kinds.Kind",
        "NotificationChannel": "notifications.kinds.Channel",
        "NotificationAudience": "notifications.api.rest.PEOPLE",
        "DevicePlatform": "notifications.kinds.Platform",
        "ConflictKind": "bookings.difference.ConflictKind",
        "WebhookDeliveryState": "webhooks.kinds.DeliveryState",
        "WebhookEventType": "webhooks.kinds.EVENT_TYPES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "reserve.core.rest.openapi.shared.share",
    ],
}
