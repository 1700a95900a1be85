"""Devices, and what one wants to be told."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.urls import reverse
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import actor_of
from notifications.api import descriptions
from notifications.kinds import Audience, Channel, Kind, Platform
from notifications.models import Device
from notifications.selectors import Preferences, device_of, devices_of, preferences_of
from notifications.services.devices import DEVICE_PATTERN, register_device, remove_device
from notifications.services.preferences import MAX_CHOICES, update_preferences
from reserve.core.errors import NotFound
from reserve.core.rest.examples import example_id
from reserve.core.rest.fields import OwnIdField
from reserve.core.rest.operations import Login, operation
from reserve.core.rest.pages import page_schema
from reserve.core.rest.serializers import (
    LIST_MESSAGES,
    StrictBooleanField,
    StrictChoiceField,
    StrictListSerializer,
    StrictSerializer,
    StrictTextField,
    StrictTimeField,
    body_of,
)
from reserve.core.rest.views import View

PEOPLE = [Audience.GUEST, Audience.STAFF]


class DeviceSerializer(serializers.ModelSerializer[Device]):
    example: ClassVar[dict[str, Any]] = {
        "id": example_id("device"),
        "platform": "ANDROID",
        "token": "fGw2LkTqQ1eXz-APA91bH7",
        "created_at": "2030-04-01T09:30:00Z",
        "registered_at": "2030-04-03T17:05:00Z",
    }
    id = OwnIdField(Device)

    class Meta:
        model = Device
        fields = ("id", "platform", "token", "created_at", "registered_at")


class NewDeviceSerializer(StrictSerializer):
    limits: ClassVar[Mapping[str, Any]] = {"token": {"pattern": DEVICE_PATTERN}}

    platform = StrictChoiceField(choices=Platform.choices, help_text=descriptions.PLATFORM)
    token = StrictTextField(help_text=descriptions.DEVICE)


class DevicesView(View):
    @operation(
        "list_devices",
        answers=page_schema("Device", DeviceSerializer),
        login=Login.REQUIRED,
    )
    def get(self, request: Request) -> Response:
        """The caller's devices, the last registered first; one page holds them all."""
        devices = devices_of(actor=actor_of(request))
        rows = DeviceSerializer(devices, many=True).data
        return Response({"count": len(devices), "next": None, "previous": None, "results": rows})

    @operation(
        "register_device",
        body=NewDeviceSerializer,
        example={"platform": "ANDROID", "token": "fGw2LkTqQ1eXz-APA91bH7"},
        answers=DeviceSerializer,
        status=201,
        login=Login.REQUIRED,
    )
    def post(self, request: Request) -> Response:
        """Tell the caller on this device from now on; again, it is the same device."""
        fields = body_of(request, NewDeviceSerializer)
        device = register_device(actor=actor_of(request), **fields)
        location = reverse("device", kwargs={"device": device.public_id})
        return Response(DeviceSerializer(device).data, status=201, headers={"Location": location})


class DeviceView(View):
    @operation("get_device", answers=DeviceSerializer, login=Login.REQUIRED, refusals=(NotFound,))
    def get(self, request: Request, device: str) -> Response:
        """One of the caller's devices."""
        found = device_of(actor=actor_of(request), device_id=Device.parse_id(device))
        return Response(DeviceSerializer(found).data)

    @operation("remove_device", status=204, login=Login.REQUIRED, refusals=(NotFound,))
    def delete(self, request: Request, device: str) -> Response:
        """Tell the caller nothing more on this device."""
        remove_device(actor=actor_of(request), device_id=Device.parse_id(device))
        return Response(status=204)


class PreferenceSerializer(serializers.Serializer[object]):
    audience = serializers.ChoiceField(choices=PEOPLE, help_text=descriptions.AUDIENCE)
    kind = serializers.ChoiceField(choices=Kind.choices, help_text=descriptions.KIND)
    channel = serializers.ChoiceField(choices=Channel.choices, help_text=descriptions.CHANNEL)
    enabled = serializers.BooleanField(source="is_wanted", help_text=descriptions.ENABLED)


class PreferencesSerializer(serializers.Serializer[Preferences]):
    example: ClassVar[dict[str, Any]] = {
        "quiet_from": "22:00",
        "quiet_until": "07:00",
        "preferences": [
            {"audience": "GUEST", "kind": "REMINDER", "channel": "EMAIL", "enabled": True}
        ],
    }
    quiet_from = serializers.TimeField(
        format="%H:%M", allow_null=True, help_text=descriptions.QUIET_FROM
    )
    quiet_until = serializers.TimeField(
        format="%H:%M", allow_null=True, help_text=descriptions.QUIET_UNTIL
    )
    preferences = PreferenceSerializer(many=True, source="choices")


class PreferenceChangeSerializer(StrictSerializer):
    audience = StrictChoiceField(
        choices=PEOPLE, default=Audience.GUEST, help_text=descriptions.AUDIENCE
    )
    kind = StrictChoiceField(choices=Kind.choices, help_text=descriptions.KIND)
    channel = StrictChoiceField(choices=Channel.choices, help_text=descriptions.CHANNEL)
    enabled = StrictBooleanField(source="is_wanted", help_text=descriptions.ENABLED)

    class Meta:
        list_serializer_class = StrictListSerializer


class PreferencesChangeSerializer(StrictSerializer):
    """What is left out stays as it is."""

    limits: ClassVar[Mapping[str, Any]] = {"preferences": {"maxItems": MAX_CHOICES}}

    quiet_from = StrictTimeField(required=False, allow_null=True, help_text=descriptions.QUIET_FROM)
    quiet_until = StrictTimeField(
        required=False, allow_null=True, help_text=descriptions.QUIET_UNTIL
    )
    preferences = PreferenceChangeSerializer(
        many=True, required=False, error_messages=LIST_MESSAGES
    )


class NotificationPreferencesView(View):
    @operation("get_notification_preferences", answers=PreferencesSerializer, login=Login.REQUIRED)
    def get(self, request: Request) -> Response:
        """What the caller is told, and by which way."""
        return Response(PreferencesSerializer(preferences_of(actor=actor_of(request))).data)

    @operation(
        "update_notification_preferences",
        body=PreferencesChangeSerializer,
        example={
            "quiet_from": "22:00",
            "quiet_until": "07:00",
            "preferences": [{"kind": "REMINDER", "channel": "EMAIL", "enabled": False}],
        },
        answers=PreferencesSerializer,
        login=Login.REQUIRED,
    )
    def patch(self, request: Request) -> Response:
        """Say what the caller wants to be told, and when not."""
        fields: dict[str, Any] = body_of(request, PreferencesChangeSerializer)
        updated = update_preferences(
            actor=actor_of(request),
            choices=fields.pop("preferences", ()),
            **fields,
        )
        return Response(PreferencesSerializer(updated).data)
