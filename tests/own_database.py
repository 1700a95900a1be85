"""A database of its own, for what is run by hand and not by pytest."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
import psycopg
from psycopg.conninfo import make_conninfo

from reserve.embedded import development_environment


@contextmanager
def own_database(name: str, root: Path) -> Iterator[None]:
    """Make it, load the settings and apps on it, and drop it in the end.

    Args:
        name: of the database; one that is there already is dropped.
        root: of the embedded servers, where the two URLs are unset.
    """
    with development_environment(root):
        server = os.environ["DATABASE_URL"]
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name}")
        os.environ["DATABASE_URL"] = make_conninfo(server, dbname=name)
        os.environ["DJANGO_SETTINGS_MODULE"] = "reserve.settings"
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        try:
            django.setup()
            yield
        finally:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
