"""The pages that links lead to, in a real browser: it has a mind of its own about origins."""

import pytest
from playwright.sync_api import expect, sync_playwright

from accounts.links import Purpose, make_token
from tests.browser.conftest import CHROMIUM, FLAGS
from tests.factories import make_user


@pytest.mark.django_db(transaction=True)
def test_a_link_is_followed_and_its_form_sent_without_scripts(server: str) -> None:
    if not CHROMIUM.exists():
        pytest.skip(f"There is no {CHROMIUM}: install Debian's package chromium.")
    user = make_user()
    token = make_token(Purpose.RESET_PASSWORD, user)
    # Ended before the test is, which has the database to clean up without an event loop.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(java_script_enabled=False).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        referers: list[str | None] = []
        page.on("request", lambda request: referers.append(request.headers.get("referer")))

        page.goto(f"{server}/account/reset-password?token={token}")
        assert page.url == f"{server}/account/reset-password"
        expect(page.get_by_role("heading")).to_have_text("Choose a new password")
        page.get_by_label("New password").fill("another long sentence 7")
        page.get_by_role("button", name="Set password").press("Enter")
        expect(page.get_by_role("heading")).to_have_text("Your password was changed")

        assert not any(token in (referer or "") for referer in referers)
        assert not any("Content Security Policy" in message for message in said)
        browser.close()
    old = user.password
    user.refresh_from_db()
    assert user.password != old
