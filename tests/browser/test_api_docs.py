"""The documentation of REST in a real browser: read, log in, try."""

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.watch import Watch

CREDENTIALS = {"email": "user@example.com", "password": "securepass"}


def _operation(page: Page, method: str, path: str) -> Locator:
    block = page.locator(f".opblock-{method}").filter(
        has=page.locator(f'[data-path="/api/v1{path}"]')
    )
    block.locator(".opblock-summary-control").click()
    expect(block.get_by_role("button", name="Execute")).to_be_visible()
    return block


def _answer(block: Locator) -> Locator:
    return block.locator(".live-responses-table .response").first


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_somebody_logs_in_and_tries_operations(
    page: Page, live_server_url: str, watch: Watch, colours: str
) -> None:
    watch.attach(page)
    page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
    page.goto(f"{live_server_url}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=20_000)
    expect(page.locator("html")).to_have_class(
        re.compile("dark-mode" if colours == "dark" else "^$")
    )

    login = _operation(page, "post", "/auth/login")
    login.locator("textarea").fill(json.dumps(CREDENTIALS))
    login.get_by_role("button", name="Execute").click()
    expect(_answer(login)).to_contain_text("access_token")

    # Logging in there is logging in here.
    me = _operation(page, "get", "/me")
    me.get_by_role("button", name="Execute").click()
    expect(_answer(me)).to_contain_text(CREDENTIALS["email"])
    expect(me.locator(".curl-command")).to_contain_text("Authorization: Bearer")

    venues = _operation(page, "get", "/venues")
    venues.get_by_role("button", name="Execute").click()
    expect(_answer(venues)).to_contain_text('"results"')
