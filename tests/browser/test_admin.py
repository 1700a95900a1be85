"""The admin in a real browser: nothing that Django's pages do is refused by our policy."""

import hashlib
import hmac
import os
import re
import struct
import subprocess
import sys
import time
from base64 import b32decode
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from playwright.sync_api import Page, expect
from psycopg.conninfo import make_conninfo

from tests.browser.watch import Watch
from tests.processes import PROJECT, answers, free_port, wait_until
from tests.stack import DATABASE

ADMINISTRATOR = ("admin@example.com", "adminpass-123")
OWNER = ("owner@hudson.example", "ownerpass-123")


@pytest.fixture(scope="module")
def strict_url(live_server_url: str) -> Iterator[str]:
    """A web process beside the running stack, on its data, that asks owners for a second factor."""
    port = free_port()
    address = f"http://localhost:{port}"
    database = make_conninfo(os.environ["DATABASE_URL"], dbname=DATABASE)
    running = subprocess.Popen(
        [sys.executable, "-m", "reserve.embedded.web", "--bind", "127.0.0.1", str(port)],
        cwd=PROJECT,
        env=os.environ | {"DATABASE_URL": database, "SECOND_FACTOR_REQUIRED_FOR": "owners"},
    )
    try:
        wait_until(lambda: running.poll() is not None or answers(f"{address}/health/live"))
        yield address
    finally:
        running.terminate()
        running.wait(15)
        with psycopg.connect(database, autocommit=True) as connection:
            for table in ("otp_static_statictoken", "otp_static_staticdevice"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM otp_totp_totpdevice")


def log_in(page: Page, base_url: str, person: tuple[str, str]) -> None:
    page.goto(f"{base_url}/admin/")
    page.get_by_label("Email").fill(person[0])
    page.get_by_label("Password").fill(person[1])
    page.get_by_role("button", name="Log in").click()


def app_shows(secret: str, steps: int = 0) -> str:
    """The code by RFC 6238, written out here: what an app computes from the secret alone."""
    left = 30 - time.time() % 30
    if steps < 0 and left < 5:
        # By the next step it is refused, and a page takes its time.
        time.sleep(left)
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    mac = hmac.new(b32decode(secret), counter, hashlib.sha1).digest()
    start = mac[-1] & 15
    return f"{int.from_bytes(mac[start : start + 4]) & 0x7FFFFFFF:010}"[-6:]


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_in_the_admin_is_refused(
    page: Page, live_server_url: str, watch: Watch, scheme: str
) -> None:
    """Every list, form and history, with their pickers, popups, filters and actions."""
    watch.attach(page)
    page.context.on("page", watch.attach)
    page.emulate_media(color_scheme=scheme)
    log_in(page, live_server_url, ADMINISTRATOR)
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    lists = page.locator("#content-main [class*='app-'] th a").evaluate_all(
        "links => links.map(({href}) => href)"
    )
    assert len(lists) > 8
    for address in lists:
        page.goto(address)
        expect(page.locator("#changelist")).to_be_visible()
        page.goto(f"{address}?day=all")
        first = page.locator("#result_list tbody th a")
        if first.count():
            first.first.click()
            expect(page.locator("#content h1")).to_be_visible()
            history = page.locator(".historylink")
            if history.count():
                history.first.click()
        # Asked beside the page: a refusal would be an error on its console.
        if page.request.get(f"{address}add/").ok:
            page.goto(f"{address}add/")
            expect(page.locator("#content h1")).to_be_visible()


def test_what_scripts_of_the_admin_draw(page: Page, live_server_url: str, watch: Watch) -> None:
    """Autocomplete, calendar, clock, inline rows, theme, sidebar filter and a popup."""
    watch.attach(page)
    page.context.on("page", watch.attach)
    log_in(page, live_server_url, ADMINISTRATOR)

    page.goto(f"{live_server_url}/admin/accounts/membership/add/")
    page.locator(".select2-selection").first.click()
    page.locator(".select2-search__field").fill("hudson")
    expect(page.locator(".select2-results__option").first).to_contain_text("hudson")
    page.locator(".select2-results__option").first.click()
    with page.expect_popup() as opened:
        page.locator(".related-widget-wrapper-link.add-related").last.click()
    popup = opened.value
    popup.get_by_label("Email").fill("popup@example.com")
    popup.get_by_label("Name").fill("Popup")
    for name in ("password1", "password2"):
        popup.locator(f"[name={name}]").fill("a long sentence nobody guesses 7")
    popup.get_by_role("button", name="Save").click()
    expect(page.locator(".select2-selection__rendered").last).to_contain_text("popup@example.com")

    page.goto(f"{live_server_url}/admin/venues/closure/add/")
    page.locator(".datetimeshortcuts a[id^=calendarlink]").first.click()
    expect(page.locator(".calendarbox").first).to_be_visible()
    page.locator(".calendarbox td a").first.click()

    page.goto(f"{live_server_url}/admin/venues/venue/add/")
    page.locator(".add-row a").first.click()
    page.locator(".theme-toggle").first.click()
    page.locator("#nav-filter").fill("book")
    page.locator("#toggle-nav-sidebar").click()


def test_errors_and_refused_forms(page: Page, live_server_url: str, watch: Watch) -> None:
    watch.attach(page)
    log_in(page, live_server_url, ("nobody@example.com", "wrong password"))
    expect(page.locator(".errornote")).to_be_visible()
    page.context.clear_cookies()
    page.get_by_role("button", name="Log in").click()
    watch.problems = [line for line in watch.problems if "status of 403" not in line]


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1920, "light")])
def test_a_second_factor_from_set_up_to_switching_off(
    page: Page, strict_url: str, width: int, scheme: str
) -> None:
    watch = Watch(urlsplit(strict_url).netloc)
    watch.attach(page)
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme=scheme)
    log_in(page, strict_url, OWNER)
    expect(page.get_by_role("heading", name="Set up a second factor")).to_be_visible()
    expect(page.locator("svg.qr-code")).to_be_visible()
    assert fits(page)
    secret = page.locator(".secret").inner_text().replace(" ", "")
    # Of the step before, so that the present one is left for what follows.
    page.get_by_label("Code").fill(app_shows(secret, -1))
    page.get_by_role("button", name="Switch it on").click()
    shown = page.locator(".codes li")
    expect(shown).to_have_count(10)
    codes = shown.all_inner_texts()
    assert fits(page)
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()

    page.context.clear_cookies()
    log_in(page, strict_url, OWNER)
    expect(page.get_by_text("six digits")).to_be_visible()
    assert fits(page)
    page.get_by_label("Code").fill(app_shows(secret))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()

    page.context.clear_cookies()
    log_in(page, strict_url, OWNER)
    page.get_by_role("link", name="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()

    page.goto(f"{strict_url}/admin/second-factor/")
    expect(page.locator("dl")).to_contain_text("9")
    assert fits(page)
    page.get_by_role("link", name=re.compile("Switch off")).click()
    assert fits(page)
    page.get_by_label("Password").fill(OWNER[1])
    page.get_by_label("Code").fill(codes[1])
    page.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("link", name="Set up a second factor")).to_be_visible()
    assert watch.problems == []
