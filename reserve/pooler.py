"""PostgreSQL behind a pooler in transaction mode, such as PgBouncer.

A pooler lends a connection for one transaction, so that what a session was given when it
began is not ours to say: the settings that bound our waits become the role's own defaults.
"""

from collections.abc import Mapping
from typing import Any

from psycopg import sql


def differing_settings(connection: Any, wanted: Mapping[str, str]) -> dict[str, str]:
    """The settings that have another value than is wanted, and what they have.

    Args:
        connection: of psycopg.
    """
    found = connection.execute(
        "SELECT name, current_setting(name) FROM unnest(%s::text[]) name", [list(wanted)]
    ).fetchall()
    return {name: value for name, value in found if value != wanted[name]}


def set_role_defaults(connection: Any, wanted: Mapping[str, str]) -> None:
    """Have the sessions that this role begins in this database begin with these settings.

    A role may do so for itself (PostgreSQL, ALTER ROLE). Sessions that are open keep theirs.
    """
    user, database = connection.execute("SELECT current_user, current_database()").fetchone()
    for name, value in wanted.items():
        connection.execute(
            sql.SQL("ALTER ROLE {} IN DATABASE {} SET {} = {}").format(
                sql.Identifier(user), sql.Identifier(database), sql.Identifier(name), value
            )
        )
