"""Dead messages and events, and an organization's own words, in the admin."""

import pytest
from django.urls import reverse

from notifications.models import Delivery, DeliveryState, Wording
from reserve.outbox.models import Event
from tests.admin.tenants import page_of


def act(browser, model, action, rows):
    selected = [row.pk for row in rows]
    browser.post(
        page_of(model, "changelist"),
        {"action": action, "_selected_action": selected, "index": 0},
    )


@pytest.mark.parametrize(
    ("action", "state"),
    [("retry", DeliveryState.QUEUED), ("discard", DeliveryState.DISCARDED)],
)
def test_managers_decide_on_the_dead_messages_of_their_own(
    action, state, ours, theirs, admin_of
) -> None:
    both = [ours.delivery, theirs.delivery]
    act(admin_of(ours.staff), Delivery, action, both)
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DEAD}
    act(admin_of(ours.manager), Delivery, action, both)
    ours.delivery.refresh_from_db()
    theirs.delivery.refresh_from_db()
    assert (ours.delivery.state, theirs.delivery.state) == (state, DeliveryState.DEAD)
    # What is not dead is not decided on.
    act(admin_of(ours.manager), Delivery, "discard" if action == "retry" else "retry", both)
    ours.delivery.refresh_from_db()
    assert ours.delivery.state == state


@pytest.mark.parametrize("action", ["retry", "discard"])
def test_administrators_decide_on_dead_events(action, ours, superuser, admin_of) -> None:
    act(admin_of(ours.owner), Event, action, [ours.event])
    dead = Event.objects.get(pk=ours.event.pk)
    assert (dead.dead_at is not None, dead.delivered_at) == (True, None)
    act(admin_of(superuser), Event, action, [ours.event])
    event = Event.objects.get(pk=ours.event.pk)
    if action == "retry":
        assert (event.dead_at, event.delivered_at, event.attempts) == (None, None, 0)
    else:
        assert event.delivered_at is not None
        page = admin_of(superuser).get(page_of(Event, "changelist") + "?state=discarded")
        assert list(page.context["cl"].result_list) == [event]


def test_words_are_written_by_managers_and_can_be_seen_first(ours, theirs, admin_of) -> None:
    fields = {
        "organization": ours.organization.pk,
        "kind": "REMINDER",
        "language": "da",
        "subject": "Husk {venue_name}",
        "body": "Kære {guest_name}\n\nVi ses.",
    }
    refused = admin_of(ours.staff).post(page_of(Wording, "add"), fields)
    assert refused.status_code == 403
    manager = admin_of(ours.manager)
    wrong = manager.post(page_of(Wording, "add"), fields | {"body": "{{ settings.SECRET_KEY }}"})
    assert "is not known" in wrong.content.decode()
    assert not Wording.objects.filter(kind="REMINDER").exists()
    assert manager.post(page_of(Wording, "add"), fields).status_code == 302
    wording = Wording.objects.get(kind="REMINDER")

    preview = reverse("admin:notifications_wording_preview", args=(wording.pk,))
    assert preview in manager.get(page_of(Wording, "change", wording)).content.decode()
    page = manager.get(preview)
    assert f"Husk {ours.venue.name}" in page.content.decode()
    assert "Kære Ada Lovelace" in page.content.decode()
    # It may have styles of its own, and do nothing.
    policy = page["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert admin_of(theirs.owner).get(preview).status_code == 404
