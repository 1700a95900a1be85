"""Owners and managers look after webhooks, by both APIs and the admin."""

from typing import Any

import pytest
from django.test import Client

from accounts.actors import Actor, account
from accounts.models import Role
from bookings.models import Slot
from reserve.core.ids import new_id
from tests.admin.tenants import page_of
from tests.clients import Answer, GraphQLApi, RestApi
from tests.factories import make_member, make_slot
from tests.webhooks.conftest import book, make_webhook, relay, send
from tests.webhooks.receiver import Receiver
from webhooks.models import Webhook, WebhookDelivery
from webhooks.services.endpoints import MAX_ENDPOINTS

pytestmark = pytest.mark.django_db(transaction=True)

_WEBHOOK = "id url description eventTypes enabled disabledReason"
_DELIVERY = "id messageId type state attempts log { status error response milliseconds }"


def _snake(value: Any) -> Any:
    if isinstance(value, list):
        return [_snake(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name): _snake(each)
        for name, each in value.items()
    }


class _GraphQL(GraphQLApi):
    def _do(self, actor: Actor, document: str, **variables: Any) -> Answer:
        answer = self.ask(document, variables, actor)
        return answer if answer.code else Answer(None, _snake(answer.body))

    def create(self, actor: Actor, organization: str, **fields: Any) -> Answer:
        document = f"""mutation($input: CreateWebhookInput!) {{
            createWebhook(input: $input) {{ secret webhook {{ {_WEBHOOK} }} }} }}"""
        given = {"organizationId": organization} | _camel(fields)
        return self._do(actor, document, input=given)

    def update(self, actor: Actor, organization: str, webhook: str, **fields: Any) -> Answer:
        document = f"""mutation($input: UpdateWebhookInput!) {{
            updateWebhook(input: $input) {{ {_WEBHOOK} }} }}"""
        return self._do(actor, document, input={"id": webhook} | _camel(fields))

    def delete(self, actor: Actor, organization: str, webhook: str) -> Answer:
        return self._do(actor, "mutation($id: ID!) { deleteWebhook(id: $id) }", id=webhook)

    def rotate(self, actor: Actor, organization: str, webhook: str) -> Answer:
        document = "mutation($id: ID!) { rotateWebhookSecret(id: $id) { secret } }"
        return self._do(actor, document, id=webhook)

    def test(self, actor: Actor, organization: str, webhook: str) -> Answer:
        document = f"mutation($id: ID!) {{ testWebhook(id: $id) {{ {_DELIVERY} }} }}"
        return self._do(actor, document, id=webhook)

    def redeliver(self, actor: Actor, organization: str, webhook: str, delivery: str) -> Answer:
        document = f"mutation($id: ID!) {{ redeliverWebhook(deliveryId: $id) {{ {_DELIVERY} }} }}"
        return self._do(actor, document, id=delivery)

    def all(self, actor: Actor, organization: str) -> Answer:
        document = f"""query($id: ID!) {{ webhooks(organizationId: $id) {{
            edges {{ node {{ {_WEBHOOK} }} }} }} }}"""
        return self._nodes(self._do(actor, document, id=organization))

    def deliveries(self, actor: Actor, organization: str, webhook: str) -> Answer:
        document = f"""query($id: ID!) {{ webhookDeliveries(webhookId: $id) {{
            edges {{ node {{ {_DELIVERY} }} }} }} }}"""
        return self._nodes(self._do(actor, document, id=webhook))

    def _nodes(self, answer: Answer) -> Answer:
        if answer.code:
            return answer
        return Answer(None, [edge["node"] for edge in answer.body["edges"]])


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_t", "T"): value for name, value in fields.items()}


class _Rest(RestApi):
    def create(self, actor: Actor, organization: str, **fields: Any) -> Answer:
        return self.ask("POST", f"/organizations/{organization}/webhooks", fields, actor)

    def update(self, actor: Actor, organization: str, webhook: str, **fields: Any) -> Answer:
        return self.ask("PATCH", _path(organization, webhook), fields, actor)

    def delete(self, actor: Actor, organization: str, webhook: str) -> Answer:
        response = self.send("DELETE", _path(organization, webhook), None, actor)
        if response.is_error:
            return Answer(response.json()["code"], response.json())
        return Answer(None, response.status_code == 204)

    def rotate(self, actor: Actor, organization: str, webhook: str) -> Answer:
        return self.ask("POST", f"{_path(organization, webhook)}/rotate-secret", None, actor)

    def test(self, actor: Actor, organization: str, webhook: str) -> Answer:
        return self.ask("POST", f"{_path(organization, webhook)}/test", None, actor)

    def redeliver(self, actor: Actor, organization: str, webhook: str, delivery: str) -> Answer:
        path = f"{_path(organization, webhook)}/deliveries/{delivery}/redeliver"
        return self.ask("POST", path, None, actor)

    def all(self, actor: Actor, organization: str) -> Answer:
        return self._results(self.ask("GET", _path(organization), None, actor))

    def deliveries(self, actor: Actor, organization: str, webhook: str) -> Answer:
        path = f"{_path(organization, webhook)}/deliveries"
        return self._results(self.ask("GET", path, None, actor))

    def _results(self, answer: Answer) -> Answer:
        return answer if answer.code else Answer(None, answer.body["results"])


def _path(organization: str, webhook: str = "") -> str:
    return f"/organizations/{organization}/webhooks" + (f"/{webhook}" if webhook else "")


@pytest.fixture(params=[_GraphQL, _Rest], ids=["graphql", "rest"])
def api(request: pytest.FixtureRequest, server: str) -> Any:
    return request.param(server)


@pytest.fixture
def slot() -> Slot:
    return make_slot(capacity=50)


@pytest.fixture
def manager(slot: Slot) -> Actor:
    return account(make_member(slot.venue.organization, Role.MANAGER).pk)


def test_a_webhook_from_its_first_day_to_its_last(
    api: Any, slot: Slot, manager: Actor, receiver: Receiver
) -> None:
    ours = slot.venue.organization.public_id
    made = api.create(
        manager, ours, url="https://example.com/hooks", event_types=["booking.created"]
    ).body
    webhook, secret = made["webhook"]["id"], made["secret"]
    assert secret.startswith("whsec_")
    assert secret == Webhook.objects.get().secret
    (listed,) = api.all(manager, ours).body
    assert (listed["id"], listed["enabled"]) == (webhook, True)
    assert listed["event_types"] == ["booking.created"]
    # Told once.
    assert secret not in str(listed)

    # In this process the address may be of this machine, which the server does not allow.
    Webhook.objects.update(url=receiver.url)
    tested = api.test(manager, ours, webhook).body
    assert (tested["type"], tested["state"]) == ("webhook.test", "QUEUED")
    book(slot)
    relay()
    assert send() == 2
    deliveries = api.deliveries(manager, ours, webhook).body
    assert [each["type"] for each in deliveries] == ["booking.created", "webhook.test"]
    assert [entry["status"] for entry in deliveries[0]["log"]] == [200]
    assert deliveries[0]["log"][0]["response"] == "ok"
    assert {each["message_id"] for each in deliveries} == set(receiver.ids)

    again = api.redeliver(manager, ours, webhook, deliveries[0]["id"]).body
    assert (again["state"], again["message_id"]) == ("QUEUED", deliveries[0]["message_id"])
    assert api.redeliver(manager, ours, webhook, again["id"]).code == "INVALID_STATE"
    assert send() == 1
    assert receiver.ids.count(again["message_id"]) == 2

    assert api.rotate(manager, ours, webhook).body["secret"] == Webhook.objects.get().secret
    assert Webhook.objects.get().previous_secret == secret

    changed = api.update(manager, ours, webhook, enabled=False, description="Ours").body
    assert (changed["enabled"], changed["disabled_reason"]) == (False, "BY_HAND")
    assert (changed["description"], changed["url"]) == ("Ours", receiver.url)
    assert api.test(manager, ours, webhook).code == "INVALID_STATE"
    assert api.redeliver(manager, ours, webhook, again["id"]).code == "INVALID_STATE"
    assert api.delete(manager, ours, webhook).body is True
    assert api.all(manager, ours).body == []
    assert not WebhookDelivery.objects.exists()


def test_what_makes_no_sense_is_refused_with_its_field(
    api: Any, slot: Slot, manager: Actor
) -> None:
    ours = slot.venue.organization.public_id
    good = "https://example.com/hooks"
    for fields, named in (
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "ftp://example.com/"}, "url"),
        ({"url": ""}, "url"),
        ({"url": good, "event_types": ["booking.eaten"]}, "event_types"),
        ({"url": good, "event_types": ["booking.held"] * 14}, "event_types"),
        ({"url": good, "description": "x" * 201}, "description"),
        ({"url": good, "description": "a\nb"}, "description"),
    ):
        refused = api.create(manager, ours, **fields)
        assert refused.code == "BAD_USER_INPUT", fields
        assert named.replace("_t", "T") in str(refused.body) or named in str(refused.body), fields
    assert not Webhook.objects.exists()
    webhook = make_webhook(slot, good)
    refused = api.update(manager, ours, webhook.public_id, url="https://[::1]/", enabled=False)
    assert refused.code == "BAD_USER_INPUT"
    webhook.refresh_from_db()
    assert (webhook.url, webhook.is_enabled) == (good, True)


def test_there_are_at_most_twenty(api: Any, slot: Slot, manager: Actor) -> None:
    for _ in range(MAX_ENDPOINTS):
        make_webhook(slot, "https://example.com/hooks")
    refused = api.create(
        manager, slot.venue.organization.public_id, url="https://example.com/hooks"
    )
    assert refused.code == "INVALID_STATE"
    assert Webhook.objects.count() == MAX_ENDPOINTS


def test_anothers_webhooks_are_not_there(api: Any, slot: Slot, manager: Actor) -> None:
    webhook = make_webhook(slot, "https://example.com/hooks")
    delivery = WebhookDelivery.objects.create(
        organization=slot.venue.organization,
        webhook=webhook,
        type="webhook.test",
        subject_id=new_id(),
        sequence=1,
        state="DEAD",
    )
    theirs = make_slot()
    stranger = account(make_member(theirs.venue.organization, Role.OWNER).pk)
    staff = account(make_member(slot.venue.organization).pk)
    for actor, code in ((stranger, "NOT_FOUND"), (staff, "FORBIDDEN")):
        ours = slot.venue.organization.public_id
        for answer in (
            api.all(actor, ours),
            api.create(actor, ours, url="https://example.com/other"),
            api.update(actor, ours, webhook.public_id, url="https://example.com/other"),
            api.rotate(actor, ours, webhook.public_id),
            api.test(actor, ours, webhook.public_id),
            api.deliveries(actor, ours, webhook.public_id),
            api.redeliver(actor, ours, webhook.public_id, delivery.public_id),
            api.delete(actor, ours, webhook.public_id),
        ):
            assert answer.code == code
    stored = Webhook.objects.get()
    assert (stored.url, stored.secret) == (webhook.url, webhook.secret)
    assert WebhookDelivery.objects.get().state == "DEAD"


def test_the_admin_shows_the_secret_once(slot: Slot) -> None:
    browser = Client()
    browser.force_login(make_member(slot.venue.organization, Role.OWNER))
    form = {"organization": str(slot.venue.organization.pk), "is_enabled": "on"}
    refused = browser.post(page_of(Webhook, "add"), form | {"url": "https://10.0.0.1/"})
    assert "This must be a public address." in refused.content.decode()
    assert not Webhook.objects.exists()
    shown = browser.post(
        page_of(Webhook, "add"), form | {"url": "https://example.com/hooks"}, follow=True
    )
    webhook = Webhook.objects.get()
    assert webhook.secret in shown.content.decode().replace("&#x2B;", "+").replace("&#x3D;", "=")
    page = browser.get(page_of(Webhook, "change", webhook)).content.decode()
    assert "whsec_" not in page
    listed = page_of(Webhook, "changelist")
    for action in ("test", "rotate"):
        browser.post(listed, {"action": action, "_selected_action": [str(webhook.pk)]})
    rotated = Webhook.objects.get()
    assert rotated.previous_secret == webhook.secret
    delivery = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(state="DEAD")
    browser.post(
        page_of(WebhookDelivery, "changelist"),
        {"action": "redeliver", "_selected_action": [str(delivery.pk)]},
    )
    assert WebhookDelivery.objects.get().state == "QUEUED"
    browser.post(page_of(Webhook, "change", webhook), form | {"url": "https://example.com/new"})
    assert Webhook.objects.get().url == "https://example.com/new"
