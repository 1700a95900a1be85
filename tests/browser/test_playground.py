"""The GraphQL playground in a real browser, against a running stack with the demo data."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.watch import Watch

EMAIL = "user@example.com"
PASSWORD = "securepass"

# The contract's documents, word for word; the playground breaks their lines and comments on them.
CONTRACT_DOCUMENTS = {
    "Login": """
        mutation Login { login(input: { email: "user@example.com", password: "securepass" })
        { accessToken refreshToken user { id email name } } }""",
    "GetAvailableSlots": """
        query GetAvailableSlots {
        availableSlots(venueId: "venue_01HQ3...", date: "2025-04-15")
        { id startTime endTime status capacity remainingCapacity } }""",
    "CreateBooking": """
        mutation CreateBooking { createBooking(input: { slotId: "slot_01HQ3...",
        venueId: "venue_01HQ3...", guestCount: 4, notes: "Window seat preferred" })
        { id status confirmationCode slot { startTime endTime } venue { name address } } }""",
    "CancelBooking": """
        mutation CancelBooking { cancelBooking(id: "booking_01HQ3...")
        { id status cancelledAt } }""",
    "OnSlotUpdated": """
        subscription OnSlotUpdated { slotAvailabilityChanged(venueId: "venue_01HQ3...")
        { slotId status remainingCapacity } }""",
}

# GraphiQL publishes Monaco under this name; its models hold what the editors show.
MODEL = "__MONACO.editor.getModels().find(({uri}) => uri.path.endsWith('%s'))"
OPERATION = MODEL % "operation.graphql"
ANSWER = MODEL % "response.json"


class Playground:
    """One playground page, with GraphiQL's parts by name."""

    def __init__(self, page: Page, base_url: str) -> None:
        self.page = page
        page.goto(f"{base_url}/graphql")
        expect(page.locator(".graphiql-query-editor .view-line").first).to_be_visible(
            timeout=20_000
        )

    def log_in(self) -> None:
        self.page.get_by_label("E-mail").fill(EMAIL)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        expect(self.page.get_by_role("button", name="Log out")).to_be_visible(timeout=10_000)

    def session(self) -> dict[str, Any] | None:
        stored = self.page.evaluate("sessionStorage.getItem('reserveapi.session')")
        return json.loads(stored) if stored else None

    def open_tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()
        expect(self.page.locator(".graphiql-query-editor .view-lines")).to_contain_text(name)

    def document(self) -> str:
        """The text in the query editor."""
        return str(self.page.evaluate(f"{OPERATION}.getValue()"))

    def write(self, document: str) -> None:
        self.page.evaluate(f"(text) => {OPERATION}.setValue(text)", document)

    def run(self) -> None:
        self.page.get_by_role("button", name="Execute query").click()

    def wait_for_answer(self, text: str, timeout_seconds: float = 10) -> str:
        """The answer shown, once it contains `text`."""
        answer = self.page.wait_for_function(
            f"(text) => [{ANSWER}.getValue()].find((answer) => answer.includes(text))",
            arg=text,
            timeout=timeout_seconds * 1000,
        )
        return str(answer.json_value())


def words(document: str) -> str:
    """A document without its comments and white space."""
    lines = (line for line in document.splitlines() if not line.lstrip().startswith("#"))
    return re.sub(r"\s+", "", "".join(lines))


def ask(context: BrowserContext, base_url: str, query: str, **variables: Any) -> Any:
    """Answer the data of one query, sent from outside the page."""
    response = context.request.post(
        f"{base_url}/graphql", data={"query": query, "variables": variables}
    )
    body = response.json()
    assert "errors" not in body, body
    return body["data"]


def find_slot(context: BrowserContext, base_url: str) -> tuple[str, str]:
    """A venue's id and the id of a slot there that can be booked."""
    venues = ask(context, base_url, "{ venues(first: 5) { edges { node { id name } } } }")[
        "venues"
    ]["edges"]
    today = datetime.now(UTC).date()
    # Far enough ahead that any venue still lets the customer cancel.
    for days in range(3, 17):
        for edge in venues:
            venue_id = edge["node"]["id"]
            slots = ask(
                context,
                base_url,
                """query ($venueId: ID!, $date: Date!) {
                    availableSlots(venueId: $venueId, date: $date) { id remainingCapacity } }""",
                venueId=venue_id,
                date=(today + timedelta(days=days)).isoformat(),
            )["availableSlots"]
            if slots:
                return venue_id, slots[-1]["id"]
    pytest.fail("the demo data offers no slot in the next fortnight")


def test_subscription_hears_of_a_booking(page: Page, live_server_url: str, watch: Watch) -> None:
    watch.attach(page)
    venue_id, slot_id = find_slot(page.context, live_server_url)

    listener = Playground(page, live_server_url)
    listener.log_in()
    listener.open_tab("OnSlotUpdated")
    listener.write(listener.document().replace("venue_01HQ3...", venue_id))
    listener.run()
    expect(page.get_by_role("button", name="Stop query")).to_be_visible()

    second_page = page.context.new_page()
    watch.attach(second_page)
    booker = Playground(second_page, live_server_url)
    booker.log_in()
    booker.open_tab("CreateBooking")
    booker.write(
        booker.document()
        .replace("venue_01HQ3...", venue_id)
        .replace("slot_01HQ3...", slot_id)
        .replace("guestCount: 4", "guestCount: 1")
    )
    booker.run()
    booking = json.loads(booker.wait_for_answer("confirmationCode"))["data"]["createBooking"]

    event = json.loads(listener.wait_for_answer(slot_id))["data"]["slotAvailabilityChanged"]
    assert event["slotId"] == slot_id
    assert set(event) == {"slotId", "status", "remainingCapacity"}

    session = listener.session()
    assert session is not None
    assert [message["payload"] for message in watch.sent_of("connection_init")] == [
        {"authorization": f"Bearer {session['accessToken']}"}
    ]

    booker.open_tab("CancelBooking")
    booker.write(booker.document().replace("booking_01HQ3...", booking["id"]))
    booker.run()
    booker.wait_for_answer("CANCELLED")


def test_subscription_goes_on_with_a_new_token(
    page: Page, live_server_url: str, watch: Watch
) -> None:
    watch.attach(page)
    venue_id, _ = find_slot(page.context, live_server_url)
    playground = Playground(page, live_server_url)
    playground.open_tab("OnSlotUpdated")
    playground.write(playground.document().replace("venue_01HQ3...", venue_id))
    playground.run()
    expect(page.get_by_role("button", name="Stop query")).to_be_visible()
    page.wait_for_timeout(500)
    assert "payload" not in watch.sent_of("connection_init")[0]

    playground.log_in()

    session = playground.session()
    assert session is not None
    page.wait_for_timeout(1_000)
    assert watch.sent_of("connection_init")[-1]["payload"] == {
        "authorization": f"Bearer {session['accessToken']}"
    }
    assert len(watch.sent_of("subscribe")) == 2
    expect(page.get_by_role("button", name="Stop query")).to_be_visible()


def test_tokens_stay_in_session_storage(page: Page, live_server_url: str, watch: Watch) -> None:
    watch.attach(page)
    playground = Playground(page, live_server_url)
    playground.log_in()
    expect(page.get_by_role("banner")).to_contain_text(EMAIL)

    session = playground.session()
    assert session is not None
    for secret in (session["accessToken"], session["refreshToken"]):
        assert secret not in page.evaluate("JSON.stringify(localStorage)")
        assert secret not in page.evaluate("document.cookie")
        assert secret not in page.url

    page.reload()
    expect(page.get_by_role("button", name="Log out")).to_be_visible(timeout=20_000)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("E-mail")).to_be_visible()
    page.wait_for_timeout(1_000)
    assert playground.session() is None
    assert page.locator(".bar-notice").inner_text() == ""


def test_a_pasted_token_logs_in(page: Page, live_server_url: str, watch: Watch) -> None:
    watch.attach(page)
    login = """mutation ($input: LoginInput!) { login(input: $input) { accessToken } }"""
    answer = ask(page.context, live_server_url, login, input={"email": EMAIL, "password": PASSWORD})
    Playground(page, live_server_url)
    page.get_by_role("button", name="Paste a token").click()
    page.get_by_label("Access token").fill(f"Bearer {answer['login']['accessToken']}")
    page.get_by_role("button", name="Use token").click()
    expect(page.get_by_role("banner")).to_contain_text(EMAIL, timeout=10_000)


def test_tabs_hold_the_documents_of_the_contract(
    page: Page, live_server_url: str, watch: Watch
) -> None:
    watch.attach(page)
    playground = Playground(page, live_server_url)
    for name, document in CONTRACT_DOCUMENTS.items():
        playground.open_tab(name)
        assert words(playground.document()) == words(document), name
    playground.open_tab("FindVenues")
    playground.run()
    assert "errors" not in json.loads(playground.wait_for_answer("venues"))


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_every_part_follows_the_policy(
    page: Page, live_server_url: str, watch: Watch, width: int
) -> None:
    """Open what draws with inline styles elsewhere: completion, menu, search, palette, dialogs."""
    watch.attach(page)
    page.set_viewport_size({"width": width, "height": 844})
    playground = Playground(page, live_server_url)
    playground.open_tab("FindVenues")
    line = page.locator(".graphiql-query-editor .view-line")
    line.nth(5).click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+Space")
    expect(page.locator(".suggest-widget .monaco-list-row").first).to_be_visible(timeout=10_000)
    page.keyboard.press("Escape")
    line.nth(2).click(button="right")
    menu = page.locator(".shadow-root-host .monaco-menu")
    expect(menu).to_be_visible()
    assert (
        menu.locator(".action-item").first.evaluate("(item) => getComputedStyle(item).display")
        == "flex"
    )
    page.keyboard.press("Escape")
    page.keyboard.press("Control+f")
    expect(page.locator(".find-widget.visible").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("F1")
    expect(page.locator(".quick-input-widget")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Prettify query").click()
    for dialog in ("Open settings dialog", "Open short keys dialog"):
        page.get_by_label(dialog).click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_label("Show Documentation Explorer").click()
    expect(page.locator(".graphiql-plugin")).to_contain_text("Root Types", timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_tab_with_several_operations_runs_the_chosen_one(
    page: Page, live_server_url: str, watch: Watch
) -> None:
    watch.attach(page)
    playground = Playground(page, live_server_url)
    playground.write(
        "query First { ...Names } query Second { second: __typename }"
        " fragment Names on Query { first: __typename }"
    )
    # The button offers a choice once the editor has read the document.
    page.locator(".graphiql-execute-button[aria-haspopup=menu]").wait_for()
    for name, field in (("Second", "second"), ("First", "first")):
        playground.run()
        page.get_by_role("menuitem", name=name).click()
        answer = json.loads(playground.wait_for_answer(f'"{field}"'))
        assert answer == {"data": {field: "Query"}}
