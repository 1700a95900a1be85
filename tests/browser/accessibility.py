"""Accessibility as axe-core finds it (github.com/dequelabs/axe-core), from the npm packages."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.processes import PROJECT

_AXE = PROJECT / "node_modules" / "axe-core" / "axe.min.js"


def violations(page: Page) -> list[str]:
    """The rules that the page breaks, each with the first elements that do."""
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: run `make pages`.")
    # Through the debugger, since the page's own policy admits no script of others.
    page.evaluate(_AXE.read_text())
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{rule['id']}: {', '.join(node['html'][:120] for node in rule['nodes'][:3])}"
        for rule in found["violations"]
    ]
