"""Screenshots of the pages that tests pass; continuous integration keeps their folder."""

import os
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.accessibility import violations
from tests.browser.watch import Watch

OUTPUT = Path(__file__).parent / "output"


class Pictures:
    """Those of one test, numbered in its order: `NAME-01-calendar.png`."""

    def __init__(self, name: str, watch: Watch | None = None) -> None:
        self._name = name
        self._watch = watch
        self._count = 0

    def take(self, page: Page, name: str) -> None:
        """The page, which must break no rule of accessibility and fit its window."""
        seen = len(self._watch.problems) if self._watch else 0
        found = violations(page)
        if self._watch:
            page.wait_for_timeout(100)
            # What axe does for itself the page's policy refuses; it is no fault of the page.
            del self._watch.problems[seen:]
        assert found == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        if os.environ.get("CI"):
            self._count += 1
            OUTPUT.mkdir(exist_ok=True)
            file = OUTPUT / f"{self._name}-{self._count:02}-{name}.png"
            page.screenshot(path=file, full_page=True)
