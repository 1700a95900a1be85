"""The mails of development: on the terminal, in a folder, and on a page that does nothing."""

import io
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client

from reserve.core import console_mail
from reserve.core.ids import following_ids

HTML = '<p style="color:red">Hello</p><script>alert(1)</script>'


@pytest.fixture(autouse=True)
def _folder(settings, tmp_path: Path) -> None:
    settings.DEVELOPMENT_MAILS = tmp_path / "mails"


def send(subject: str) -> str:
    stream = io.StringIO()
    message = EmailMultiAlternatives(subject, "The text.", to=["ada@example.org"])
    message.attach_alternative(HTML, "text/html")
    console_mail.EmailBackend(stream=stream).send_messages([message])
    return stream.getvalue()


def test_the_terminal_shows_what_a_person_reads() -> None:
    shown = send("Høj æble")
    assert "Subject: Høj æble" in shown
    assert "The text." in shown
    assert "<p" not in shown


def test_the_page_shows_each_mail_and_runs_nothing_of_it() -> None:
    browser = Client()
    assert "Nothing yet" in browser.get("/dev/mails").content.decode()
    send("First & last")
    listed = browser.get("/dev/mails")
    assert "First &amp; last" in listed.content.decode()
    (mail,) = listed.context["mails"]
    page = browser.get(f"/dev/mails/{mail['name']}")
    assert "The text." in page.content.decode()
    assert "ada@example.org" in page.content.decode()
    assert "alert" not in page.content.decode()
    assert "frame-src 'self'" in page["Content-Security-Policy"]

    html = browser.get(f"/dev/mails/{mail['name']}/html")
    assert html.content.decode().strip() == HTML
    policy = html["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert html["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("name", ["0" * 32, "..%2F..%2Fpyproject.toml", "x", "%00"])
def test_nothing_else_can_be_read(name: str) -> None:
    assert Client().get(f"/dev/mails/{name}").status_code == 404
    assert Client().get(f"/dev/mails/{name}/html").status_code == 404


def test_the_oldest_go(monkeypatch: pytest.MonkeyPatch, settings) -> None:
    monkeypatch.setattr(console_mail, "KEPT", 2)
    # Ids of one millisecond are in no order.
    ids = following_ids()
    monkeypatch.setattr(console_mail, "new_id", lambda: next(ids))
    for number in range(4):
        send(f"Number {number}")
    kept = Client().get("/dev/mails").context["mails"]
    assert [mail["subject"] for mail in kept] == ["Number 3", "Number 2"]
