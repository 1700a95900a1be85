"""`.env.example` lists every variable that is read, with its default, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READERS = {
    *("text", "choice", "boolean", "integer", "duration"),
    *("words", "hosts", "origins", "exact_origins", "networks"),
}

# A variable is at the start of a line, commented out where that is its default.
_ENTRY = re.compile(r"^(#?)([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def entries() -> dict[str, str]:
    """The variables of .env.example with the values that they show."""
    return {name: value for _, name, value in _ENTRY.findall((ROOT / ".env.example").read_text())}


def settings_defaults() -> dict[str, object]:
    """The variables that the settings read, with defaults; None where code computes them."""
    found: dict[str, object] = {}
    modules = (ROOT / "reserve" / "settings").glob("*.py")
    for call in (call for path in modules for call in _calls(ast.parse(path.read_text()))):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=reader),
                args=[ast.Constant(value=str(name)), *others],
            ) if reader in READERS:
                default = others[0] if others else ast.Constant("")
                found[name] = default.value if isinstance(default, ast.Constant) else None
    return found


def read_elsewhere() -> set[str]:
    """Variables that other modules, the Makefile and the Compose file read."""
    names: set[str] = set()
    for path in (ROOT / "reserve").rglob("*.py"):
        for call in _calls(ast.parse(path.read_text())):
            match call:
                case ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"),
                    args=[ast.Constant(value=str(name)), *_],
                ):
                    names.add(name)
    names.update(re.findall(r"\$\$\{([A-Z_]+)[:}]", (ROOT / "Makefile").read_text()))
    compose = (ROOT / "docker-compose.yml").read_text()
    names.update(re.findall(r"\$\{([A-Z_]+)[:}]", compose))
    return names


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_the_readers_are_those_of_env_py() -> None:
    tree = ast.parse((ROOT / "reserve" / "env.py").read_text())
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert public == READERS


def test_every_variable_is_listed_once() -> None:
    names = [name for _, name, _ in _ENTRY.findall((ROOT / ".env.example").read_text())]
    assert len(names) == len(set(names))
    read = settings_defaults().keys() | read_elsewhere()
    assert len(read) > 20, "the search for variables finds too few"
    assert sorted(read - set(names)) == [], "read, but not in .env.example"


def test_no_other_variable_is_listed() -> None:
    read = settings_defaults().keys() | read_elsewhere()
    assert sorted(entries().keys() - read) == [], "in .env.example, but read nowhere"


def test_the_defaults_shown_are_those_of_the_settings() -> None:
    shown = entries()
    for name, default in settings_defaults().items():
        if default is None or name not in shown:
            continue
        expected = str(default).lower() if isinstance(default, bool) else str(default)
        assert shown[name] == expected, name


def test_every_variable_has_a_comment_above() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if _ENTRY.match(line):
            assert lines[number - 1].startswith("# "), f"line {number + 1} has no comment"
