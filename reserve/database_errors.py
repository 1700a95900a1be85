"""What stands behind an error of the database: a fault of ours, or its circumstances."""

import psycopg
from django.db import DatabaseError, NotSupportedError

# No right to create, and none even to look into the schema.
_REFUSALS = {"42501", "3F000"}
_READ_ONLY = "25006"


def circumstances(error: DatabaseError) -> str | None:
    """What is wrong and what to do, as a person at a terminal is told; None for a fault of ours.

    The codes are those of PostgreSQL's appendix A.
    """
    if isinstance(error, NotSupportedError):
        return f"{first_line(error)} Upgrade it, or name another in DATABASE_URL."
    cause = _cause(error)
    if cause is None:
        return None
    if cause.sqlstate in _REFUSALS:
        return (
            f"PostgreSQL refuses: {first_line(cause)} Give the user that right, or name "
            "another in DATABASE_URL."
        )
    if cause.sqlstate == _READ_ONLY:
        return (
            f"PostgreSQL refuses: {first_line(cause)} Name a server in DATABASE_URL that can "
            "be written."
        )
    # The server gives a code for what goes wrong in a query. Without one, there
    # is no connection.
    if isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None:
        return unreachable(cause)
    return None


def _cause(error: BaseException) -> psycopg.Error | None:
    """The driver's own error: Django wraps it, and migrations wrap that without naming it."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, psycopg.Error):
        inner = inner.__cause__ or inner.__context__
    return inner


def unreachable(error: Exception) -> str:
    """The same for a server that does not answer."""
    if "startup parameter" in str(error):
        return (
            f"PostgreSQL cannot be reached: {first_line(error)} A pooler answers: set "
            "DATABASE_POOLED=true."
        )
    return f"PostgreSQL cannot be reached: {first_line(error)} Start it, or correct DATABASE_URL."


def first_line(error: Exception) -> str:
    """The beginning of an error's text, as a sentence."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0].strip()
    line = line.removeprefix("connection failed: ")
    return line if line.endswith(".") else f"{line}."
