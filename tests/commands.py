"""Commands of `manage.py`, run in the process of a test."""

from io import StringIO

from django.core.management import call_command


def run_command(name: str, *options: str) -> tuple[list[str], int]:
    """The lines that it prints, and its exit code."""
    out = StringIO()
    code = 0
    try:
        call_command(name, *options, stdout=out)
    except SystemExit as end:
        code = int(end.code or 0)
    return out.getvalue().splitlines(), code
