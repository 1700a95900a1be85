"""A worker's connections to the database stay with its processes, from task to task.

By itself Celery closes them around each task, and PostgreSQL forks and warms a backend
for the next one, which took it longer than what most tasks ask.
"""

from typing import Any

from django.db import connections


def close_broken(**_: Any) -> None:
    """Close what has broken since the last task, so that this one connects anew."""
    for connection in connections.all(initialized_only=True):
        if connection.connection is None or connection.in_atomic_block:
            continue
        if not connection.is_usable():
            connection.close()


def close_unfit(**_: Any) -> None:
    """Close what broke under this task, or what it left in another state than it found."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
