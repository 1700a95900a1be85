"""How soon a page shows a change, measured in the page itself."""

import time
from collections.abc import Callable, Sequence
from statistics import median

from playwright.sync_api import Page

WITHIN_SECONDS = 1.0
# A machine that is busy with something else is asked again.
_ROUNDS = 3
_PATIENCE_MS = 15_000
# The moment at which an element has a text, by the clock that the test has too.
_SHOWN = """([selector, text, patience]) => new Promise((resolve, reject) => {
  const look = () => {
    if (!document.querySelector(selector)?.textContent.includes(text)) return;
    observer.disconnect();
    resolve(Date.now());
  };
  const observer = new MutationObserver(look);
  observer.observe(document, {subtree: true, childList: true, characterData: true});
  setTimeout(() => reject(new Error(`${selector} does not show ${text}`)), patience);
  look();
})"""

Change = Callable[[], str]


def shows_soon(page: Page, selector: str, changes: Sequence[Change]) -> None:
    """Each change returns once it has been answered, with what the element says then.

    The median of all of them is within a second, in one of a few rounds.
    """
    delays: list[float] = []
    for _ in range(_ROUNDS):
        delays = [_delay(page, selector, change) for change in changes]
        if median(delays) <= WITHIN_SECONDS:
            return
    raise AssertionError(f"{selector} showed changes after {delays} s.")


def _delay(page: Page, selector: str, change: Change) -> float:
    text = change()
    answered_at = time.time()
    shown_at: float = page.evaluate(_SHOWN, [selector, text, _PATIENCE_MS]) / 1000
    return max(0.0, shown_at - answered_at)
