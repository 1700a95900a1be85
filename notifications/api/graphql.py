"""Devices, and what one wants to be told."""

from enum import Enum

import graphene

from notifications import models
from notifications.api import descriptions
from notifications.kinds import Audience, Channel, Kind, Platform
from notifications.selectors import Preferences, devices_of, preferences_of
from notifications.services.devices import MAX_TOKEN, register_device, remove_device
from notifications.services.preferences import update_preferences
from reserve.core.database import in_database
from reserve.core.graphql.described import at_most, enum_of, id_of, own_id, taking
from reserve.core.graphql.nulls import Clearable


class Persons(Enum):
    """The audiences that are people."""

    GUEST = Audience.GUEST.value
    STAFF = Audience.STAFF.value


DevicePlatform = enum_of(
    Platform, descriptions.PLATFORM, descriptions.PLATFORMS, name="DevicePlatform"
)
NotificationKind = enum_of(Kind, descriptions.KIND, descriptions.KINDS, name="NotificationKind")
NotificationChannel = enum_of(
    Channel, descriptions.CHANNEL, descriptions.CHANNELS, name="NotificationChannel"
)
NotificationAudience = enum_of(
    Persons,
    descriptions.AUDIENCE,
    {person: descriptions.AUDIENCES[Audience(person.value)] for person in Persons},
    name="NotificationAudience",
)


class Device(graphene.ObjectType):
    """A phone or tablet on which the caller is told."""

    id = own_id("device")
    platform = graphene.Field(DevicePlatform, required=True, description=descriptions.PLATFORM)
    token = graphene.String(required=True, description=descriptions.DEVICE)
    created_at = graphene.DateTime(required=True, description=descriptions.CREATED_AT)
    registered_at = graphene.DateTime(required=True, description=descriptions.REGISTERED_AT)

    @staticmethod
    def resolve_id(device: models.Device, _info):
        return device.public_id


class NotificationPreference(graphene.ObjectType):
    """Whether the caller is told of one thing by one way."""

    audience = graphene.Field(
        NotificationAudience, required=True, description=descriptions.AUDIENCE
    )
    kind = graphene.Field(NotificationKind, required=True, description=descriptions.KIND)
    channel = graphene.Field(NotificationChannel, required=True, description=descriptions.CHANNEL)
    enabled = graphene.Boolean(required=True, description=descriptions.ENABLED)

    @staticmethod
    def resolve_audience(choice, _info):
        # The enum of the schema is one of its own: topics choose nothing.
        return choice.audience.value

    @staticmethod
    def resolve_enabled(choice, _info):
        return choice.is_wanted


class NotificationPreferences(graphene.ObjectType):
    """What the caller is told, and when their devices stay silent."""

    quiet_from = graphene.Time(description=descriptions.QUIET_FROM)
    quiet_until = graphene.Time(description=descriptions.QUIET_UNTIL)
    preferences = graphene.List(
        graphene.NonNull(NotificationPreference),
        required=True,
        description=descriptions.PREFERENCES,
    )

    @staticmethod
    def resolve_preferences(preferences: Preferences, _info):
        return preferences.choices


class RegisterDeviceInput(graphene.InputObjectType):
    """A device, as its app knows it."""

    token = graphene.String(required=True, description=at_most(MAX_TOKEN, descriptions.DEVICE))
    platform = graphene.Field(DevicePlatform, required=True, description=descriptions.PLATFORM)


class NotificationPreferenceInput(graphene.InputObjectType):
    """Whether to be told of one thing by one way."""

    audience = graphene.Field(
        NotificationAudience,
        default_value=Audience.GUEST.value,
        description=descriptions.AUDIENCE,
    )
    kind = graphene.Field(NotificationKind, required=True, description=descriptions.KIND)
    channel = graphene.Field(NotificationChannel, required=True, description=descriptions.CHANNEL)
    enabled = graphene.Boolean(required=True, description=descriptions.ENABLED)


class UpdateNotificationPreferencesInput(graphene.InputObjectType):
    """What is left out, or null, stays as it is; where null is a value, that is said."""

    quiet_from = Clearable(graphene.Time, description=descriptions.QUIET_FROM)
    quiet_until = Clearable(graphene.Time, description=descriptions.QUIET_UNTIL)
    preferences = graphene.List(
        graphene.NonNull(NotificationPreferenceInput), description=descriptions.PREFERENCE_CHANGES
    )


class Query(graphene.ObjectType):
    my_devices = graphene.List(
        graphene.NonNull(Device),
        required=True,
        description="Where the caller is told, at most 20, the last registered first.",
    )
    notification_preferences = graphene.Field(
        NotificationPreferences,
        required=True,
        description="What the caller is told, and by which way.",
    )

    @staticmethod
    async def resolve_my_devices(_root, info):
        return await in_database(devices_of, actor=info.context.actor)

    @staticmethod
    async def resolve_notification_preferences(_root, info):
        return await in_database(preferences_of, actor=info.context.actor)


class Mutation(graphene.ObjectType):
    register_device = graphene.Field(
        Device,
        required=True,
        input=taking(RegisterDeviceInput),
        description="Tell the caller on this device from now on; again, it is the same device.",
    )
    remove_device = graphene.Field(
        graphene.Boolean,
        required=True,
        id=id_of("device"),
        description="Tell the caller nothing more on one of their devices.",
    )
    update_notification_preferences = graphene.Field(
        NotificationPreferences,
        required=True,
        input=taking(UpdateNotificationPreferencesInput),
        description="Say what the caller wants to be told, and when not.",
    )

    @staticmethod
    async def resolve_register_device(_root, info, input):  # noqa: A002 (the contract's name)
        return await in_database(
            register_device,
            actor=info.context.actor,
            token=input.token,
            platform=input.platform,
        )

    @staticmethod
    async def resolve_remove_device(_root, info, id) -> bool:  # noqa: A002 (the contract's name)
        device_id = models.Device.parse_id(id)
        await in_database(remove_device, actor=info.context.actor, device_id=device_id)
        return True

    @staticmethod
    async def resolve_update_notification_preferences(_root, info, input):  # noqa: A002
        fields = dict(input)
        choices = [
            {
                **choice,
                # A member of the schema's own enum, or the default.
                "audience": getattr(choice.audience, "value", choice.audience),
                "is_wanted": choice.enabled,
            }
            for choice in fields.pop("preferences", None) or ()
        ]
        return await in_database(
            update_preferences, actor=info.context.actor, choices=choices, **fields
        )
