"""Devices and preferences, through both APIs: whose they are, and what they change."""

from datetime import time
from typing import Any

import pytest

from accounts.actors import ANONYMOUS, Actor, account
from accounts.models import Login, Role
from accounts.services.deletion import delete_account
from accounts.services.logins import open_login
from bookings.services.bookings import create_booking
from notifications.export import export_notifications
from notifications.kinds import Kind
from notifications.models import Delivery, Device, Preference, QuietHours
from notifications.selectors import MAX_DEVICES
from notifications.services.devices import forget_ended_devices, register_device
from notifications.services.preferences import update_preferences
from tests.clients import GraphQLApi, RestApi
from tests.factories import PASSWORD, make_member, make_organization, make_slot, make_user, seats_on
from tests.notifications.conftest import relay

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a-token-that-google-made"


class Rest:
    def __init__(self, address: str) -> None:
        self._api = RestApi(address)

    def register(self, actor: Actor, token: Any, platform: Any) -> tuple[Any, Any]:
        return self._ask(actor, "POST", "/devices", {"token": token, "platform": platform})

    def remove(self, actor: Actor, device_id: str) -> tuple[Any, Any]:
        response = self._api.send("DELETE", f"/devices/{device_id}", None, actor)
        return (response.json()["code"] if response.is_error else None), None

    def devices(self, actor: Actor) -> tuple[Any, Any]:
        code, body = self._ask(actor, "GET", "/devices")
        return code, body if code else body["results"]

    def preferences(self, actor: Actor) -> tuple[Any, Any]:
        return self._ask(actor, "GET", "/notification-preferences")

    def update(self, actor: Actor, fields: dict[str, Any]) -> tuple[Any, Any]:
        return self._ask(actor, "PATCH", "/notification-preferences", fields)

    def _ask(self, actor: Actor, method: str, path: str, body: Any = None) -> tuple[Any, Any]:
        answer = self._api.ask(method, path, body, actor)
        return answer.code, answer.body


class GraphQL:
    _PREFERENCES = "{ quietFrom quietUntil preferences { audience kind channel enabled } }"

    def __init__(self, address: str) -> None:
        self._api = GraphQLApi(address)

    def register(self, actor: Actor, token: Any, platform: Any) -> tuple[Any, Any]:
        return self._ask(
            actor,
            "mutation($input: RegisterDeviceInput!)"
            " { registerDevice(input: $input) { id platform token } }",
            {"input": {"token": token, "platform": platform}},
        )

    def remove(self, actor: Actor, device_id: str) -> tuple[Any, Any]:
        return self._ask(actor, "mutation($id: ID!) { removeDevice(id: $id) }", {"id": device_id})

    def devices(self, actor: Actor) -> tuple[Any, Any]:
        return self._ask(actor, "{ myDevices { id platform token } }")

    def preferences(self, actor: Actor) -> tuple[Any, Any]:
        return self._ask(actor, f"{{ notificationPreferences {self._PREFERENCES} }}")

    def update(self, actor: Actor, fields: dict[str, Any]) -> tuple[Any, Any]:
        spelled = {
            {"quiet_from": "quietFrom", "quiet_until": "quietUntil"}.get(name, name): value
            for name, value in fields.items()
        }
        return self._ask(
            actor,
            "mutation($input: UpdateNotificationPreferencesInput!)"
            f" {{ updateNotificationPreferences(input: $input) {self._PREFERENCES} }}",
            {"input": spelled},
        )

    def _ask(self, actor: Actor, document: str, variables: Any = None) -> tuple[Any, Any]:
        answer = self._api.ask(document, variables, actor)
        if answer.code:
            return answer.code, answer.body["extensions"]
        body = answer.body
        if isinstance(body, dict) and "quietFrom" in body:
            body = {
                "quiet_from": body["quietFrom"] and body["quietFrom"][:5],
                "quiet_until": body["quietUntil"] and body["quietUntil"][:5],
                "preferences": body["preferences"],
            }
        return None, body


@pytest.fixture(params=[Rest, GraphQL])
def api(request, server):
    return request.param(server)


def enabled(body: Any, **what: str) -> bool:
    (found,) = [
        each
        for each in body["preferences"]
        if all(each[name] == value for name, value in what.items())
    ]
    return bool(found["enabled"])


def test_a_device_is_its_owner_s(api) -> None:
    mine, other = account(make_user().pk), account(make_user().pk)
    assert api.register(ANONYMOUS, TOKEN, "IOS")[0] == "UNAUTHENTICATED"
    code, device = api.register(mine, TOKEN, "ANDROID")
    assert code is None
    assert (device["token"], device["platform"]) == (TOKEN, "ANDROID")
    assert [each["id"] for each in api.devices(mine)[1]] == [device["id"]]
    # Again, it is the same.
    assert api.register(mine, TOKEN, "ANDROID")[1]["id"] == device["id"]

    assert api.devices(other) == (None, [])
    assert api.remove(other, device["id"])[0] == "NOT_FOUND"
    assert api.remove(ANONYMOUS, device["id"])[0] == "UNAUTHENTICATED"
    assert api.remove(mine, "venue_01HQ3000000000000000000000")[0] == "BAD_USER_INPUT"
    assert Device.objects.count() == 1

    # It changes hands with its next registration.
    assert api.register(other, TOKEN, "ANDROID")[1]["id"] == device["id"]
    assert api.devices(mine) == (None, [])
    assert api.remove(other, device["id"])[0] is None
    assert not Device.objects.exists()


@pytest.mark.parametrize(
    ("token", "platform", "field"),
    [
        ("", "IOS", "token"),
        ("short", "IOS", "token"),
        ("with a space in it", "IOS", "token"),
        ("x" * 1025, "IOS", "token"),
        (5, "IOS", "token"),
        (TOKEN, "SYMBIAN", "platform"),
        (TOKEN, None, "platform"),
    ],
)
def test_no_other_device_is_registered(api, token, platform, field) -> None:
    code, body = api.register(account(make_user().pk), token, platform)
    assert code == "BAD_USER_INPUT"
    assert field in str(body) or isinstance(api, GraphQL)
    assert not Device.objects.exists()


def test_what_is_said_holds_and_the_rest_is_as_for_everybody(api) -> None:
    me = account(make_user().pk)
    assert api.preferences(ANONYMOUS)[0] == "UNAUTHENTICATED"
    assert api.update(ANONYMOUS, {"preferences": []})[0] == "UNAUTHENTICATED"
    _, before = api.preferences(me)
    assert enabled(before, audience="GUEST", kind="REMINDER", channel="EMAIL")
    assert {each["audience"] for each in before["preferences"]} == {"GUEST"}

    choice = {"kind": "REMINDER", "channel": "EMAIL", "enabled": False}
    code, after = api.update(
        me, {"quiet_from": "22:00:00", "quiet_until": "07:30:00", "preferences": [choice]}
    )
    assert code is None
    assert not enabled(after, audience="GUEST", kind="REMINDER", channel="EMAIL")
    assert enabled(after, audience="GUEST", kind="REMINDER", channel="PUSH")
    assert (after["quiet_from"], after["quiet_until"]) == ("22:00", "07:30")
    assert api.preferences(me)[1] == after

    # What is left out stays.
    assert api.update(me, {})[1] == after
    assert api.update(me, {"quiet_until": "08:00:00"})[1]["quiet_from"] == "22:00"
    _, loud = api.update(me, {"quiet_from": None, "quiet_until": None})
    assert (loud["quiet_from"], loud["quiet_until"]) == (None, None)
    assert not QuietHours.objects.exists()


def test_staff_choose_for_the_bookings_where_they_work(api) -> None:
    organization = make_organization()
    owner = account(make_member(organization, Role.OWNER).pk)
    staff = account(make_member(organization, Role.STAFF).pk)
    what = {"audience": "STAFF", "kind": "CANCELLED_BY_GUEST", "channel": "EMAIL"}
    assert enabled(api.preferences(owner)[1], **what)
    assert not enabled(api.preferences(staff)[1], **what)
    assert enabled(api.update(staff, {"preferences": [what | {"enabled": True}]})[1], **what)
    # As a guest they are asked apart.
    as_guest = what | {"audience": "GUEST"}
    assert not enabled(
        api.update(staff, {"preferences": [as_guest | {"enabled": False}]})[1], **as_guest
    )
    assert enabled(api.preferences(staff)[1], **what)


@pytest.mark.parametrize(
    "fields",
    [
        {"preferences": [{"kind": "NONE", "channel": "EMAIL", "enabled": True}]},
        {"preferences": [{"kind": "HELD", "channel": "SMS", "enabled": True}]},
        {"preferences": [{"kind": "HELD", "channel": "EMAIL", "enabled": "yes"}]},
        {
            "preferences": [
                {"audience": "STAFF", "kind": "REMINDER", "channel": "EMAIL", "enabled": True}
            ]
        },
        {
            "preferences": [
                {"audience": "TOPIC", "kind": "HELD", "channel": "PUSH", "enabled": False}
            ]
        },
        {"preferences": [{"kind": "HELD", "channel": "EMAIL", "enabled": True}] * 73},
        {"quiet_from": "22:00:00"},
        {"quiet_from": "22:00:00", "quiet_until": "22:00:00"},
        {"quiet_from": "25:00:00", "quiet_until": "07:00:00"},
        {"surprise": True},
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(api, fields) -> None:
    me = account(make_user().pk)
    assert api.update(me, fields)[0] == "BAD_USER_INPUT"
    assert not Preference.objects.exists()
    assert not QuietHours.objects.exists()


def test_who_wants_no_mail_gets_none(mails) -> None:
    user = make_user()
    update_preferences(
        actor=account(user.pk),
        choices=[
            {"audience": "GUEST", "kind": kind, "channel": "EMAIL", "is_wanted": False}
            for kind in Kind
        ],
    )
    create_booking(actor=account(user.pk), seats=seats_on(make_slot(), 2))
    assert mails() == []
    assert not Delivery.objects.exists()


def test_of_too_many_devices_the_oldest_go() -> None:
    me = account(make_user().pk)
    devices = [
        register_device(actor=me, token=f"{TOKEN}-{number}", platform="IOS")
        for number in range(MAX_DEVICES + 1)
    ]
    left = set(Device.objects.values_list("pk", flat=True))
    assert left == {device.pk for device in devices[1:]}


def test_a_device_whose_login_was_ended_is_forgotten() -> None:
    user = make_user()
    open_login(user)
    login = Login.objects.get(user=user)
    register_device(actor=account(user.pk, login.pk), token=TOKEN, platform="IOS")
    register_device(actor=account(user.pk), token=f"{TOKEN}-2", platform="IOS")
    assert forget_ended_devices() == 0
    Login.objects.update(revoked_at=login.created_at)
    assert forget_ended_devices() == 1
    assert Device.objects.get().token == f"{TOKEN}-2"


def test_nothing_is_left_of_whoever_deletes_the_account() -> None:
    user = make_user()
    me = account(user.pk)
    register_device(actor=me, token=TOKEN, platform="IOS")
    choice = {"audience": "GUEST", "kind": "HELD", "channel": "PUSH", "is_wanted": False}
    update_preferences(actor=me, choices=[choice], quiet_from=time(22), quiet_until=time(7))
    create_booking(actor=me, seats=seats_on(make_slot(), 2))
    relay()
    exported = export_notifications(user.pk)
    assert [each["token"] for each in exported["devices"]] == [TOKEN]
    assert [each["kind"] for each in exported["preferences"]] == ["HELD"]
    assert [each["kind"] for each in exported["messages"]] == ["CONFIRMED"]
    assert exported["quiet_from"] == time(22)

    delete_account(actor=me, password=PASSWORD)
    relay()
    assert not Device.objects.exists()
    assert not Preference.objects.exists()
    assert not QuietHours.objects.exists()
    (left,) = Delivery.objects.all()
    assert (left.user_id, left.state, left.outcome) == (None, "SKIPPED", "account_deleted")
