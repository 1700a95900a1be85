"""What a production install consists of: `python deploy/inventory.py FOLDER`, as `make build` does.

Writes `sbom.cdx.json`, a software bill of materials in CycloneDX's format, and
`licences.txt`, of the packages that requirements/production.txt pins and no others.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PINNED = ROOT / "requirements" / "production.txt"
# Licences whose terms reach the whole of a work that is handed on; LGPL's do not.
_FAR_REACHING = re.compile(r"\b(AGPL|GPL|SSPL)|Affero|(?<!Lesser )General Public", re.IGNORECASE)


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> set[str]:
    """The names of the packages of a production install, on whichever platform."""
    return {normal(name) for name in re.findall(r"^([\w.-]+)==", PINNED.read_text(), re.MULTILINE)}


def installed() -> dict[str, Distribution]:
    """Those of them that are installed here."""
    wanted = pinned()
    found = {normal(one.metadata["Name"]): one for one in distributions()}
    return {name: one for name, one in sorted(found.items()) if name in wanted}


def licence_of(distribution: Distribution) -> str:
    """As the package declares it: an SPDX expression, a classifier, or its own words."""
    metadata = distribution.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    classifiers = [
        value.rsplit(" :: ", 1)[1]
        for value in metadata.get_all("Classifier") or []
        if value.startswith("License :: ") and value.count("::") > 1
    ]
    if classifiers:
        return " OR ".join(sorted(classifiers))
    return str(metadata.get("License") or "").strip().partition("\n")[0] or "UNKNOWN"


def bill_of_materials() -> dict[str, Any]:
    """CycloneDX's document about this environment, without what production does not install."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"]
    told = subprocess.run(
        [*command, "--pyproject", "pyproject.toml", sys.executable],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    document: dict[str, Any] = json.loads(told.stdout)
    wanted = pinned()
    document["components"] = [
        one for one in document["components"] if normal(one["name"]) in wanted
    ]
    kept = {one["bom-ref"] for one in document["components"]}
    root = document["metadata"].get("component", {}).get("bom-ref")
    document["dependencies"] = [
        one | {"dependsOn": [name for name in one.get("dependsOn", ()) if name in kept]}
        for one in document.get("dependencies", ())
        if one["ref"] in kept or one["ref"] == root
    ]
    return document


def main(folder: str) -> int:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "sbom.cdx.json").write_text(json.dumps(bill_of_materials(), indent=1) + "\n")
    lines, doubtful = [], []
    for name, one in installed().items():
        licence = licence_of(one)
        lines.append(f"{name} {one.version}: {licence}")
        # Of several that are offered, one may be chosen.
        offered = licence.split(" OR ")
        if licence == "UNKNOWN" or all(_FAR_REACHING.search(one) for one in offered):
            doubtful.append(lines[-1])
    (target / "licences.txt").write_text("\n".join(lines) + "\n")
    for line in doubtful:
        print(f"A licence to look at: {line}", file=sys.stderr)
    return 1 if doubtful else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
