"""PostgreSQL: the primary, a standby for reads, and what every session has."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from reserve import env


def _connection_parameters(name: str, address: str) -> dict[str, Any]:
    """An address of PostgreSQL, taken apart by its own library."""
    try:
        parameters = conninfo_to_dict(address)
    except ProgrammingError:
        raise ImproperlyConfigured(
            f"{name} cannot be read. Write it as postgresql://USER:PASSWORD@HOST:PORT/NAME."
        ) from None
    if not parameters.get("dbname"):
        raise ImproperlyConfigured(f"{name} names no database. Put its name after the last slash.")
    return parameters


_database_url = env.text("DATABASE_URL")
if not _database_url:
    raise ImproperlyConfigured(
        "DATABASE_URL is not set. Set it to postgresql://USER:PASSWORD@HOST:PORT/NAME."
    )
# A standby for reads that may be a moment old, and how old they may be.
DATABASE_REPLICA_URL = env.text("DATABASE_REPLICA_URL")
REPLICA_LAG_LIMIT = env.duration("REPLICA_LAG_LIMIT", "5s")
# Whether a pooler in transaction mode is between: a session is then whoever's turn it is.
DATABASE_POOLED = env.boolean("DATABASE_POOLED", False)
# A pooler may not keep them: PgBouncer does from 1.21 on, where it is told to.
PREPARED_STATEMENTS = env.boolean("PREPARED_STATEMENTS", not DATABASE_POOLED)
# What every session of ours has; behind a pooler by `manage.py set_role_defaults`.
SESSION_SETTINGS = {
    "lock_timeout": "2s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": "30s",
    # A prepared statement is planned once: its plan does not hang on its values, and
    # planning costs as much as running it.
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    # What is worked on is in memory, where no page is farther than another.
    "random_page_cost": "1.1",
}
_session_options = {
    "options": " ".join(f"-c {name}={value}" for name, value in SESSION_SETTINGS.items())
}


def _database(parameters: dict[str, Any], **options: Any) -> dict[str, Any]:
    """What Django needs to know of a server.

    Args:
        options: of its connections, where they differ from the usual ones.
    """
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parameters.pop("dbname"),
        "USER": parameters.pop("user", ""),
        "PASSWORD": parameters.pop("password", ""),
        "HOST": parameters.pop("host", ""),
        "PORT": parameters.pop("port", ""),
        # Connections stay with their few threads; what breaks one closes it.
        "CONN_MAX_AGE": None,
        # Services choose their own transactions: a request-wide one would let
        # the guard of a slot go before the commit.
        "ATOMIC_REQUESTS": False,
        "OPTIONS": {
            "connect_timeout": 5,
            # A server that vanishes without a word answers no time limit of its own:
            # what is sent must be acknowledged within 15 s, and where nothing is
            # sent, one of three questions. Sockets of this machine have no need of it.
            "tcp_user_timeout": 15_000,
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "application_name": "reserve",
            # Only what asks for it is prepared: the desk's statements. Django's
            # own put their values into the text, and none is like another.
            "prepare_threshold": 1_000_000 if PREPARED_STATEMENTS else None,
            **({} if DATABASE_POOLED else _session_options),
            **options,
            **parameters,
        },
        # A cursor that outlives its transaction lives in a session.
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLED,
    }


DATABASES = {"default": _database(_connection_parameters("DATABASE_URL", _database_url))}
if DATABASE_REPLICA_URL:
    DATABASES["replica"] = _database(
        _connection_parameters("DATABASE_REPLICA_URL", DATABASE_REPLICA_URL),
        # What it is asked can be asked of the primary as soon as it is slow.
        connect_timeout=2,
        tcp_user_timeout=2_000,
    )
    DATABASE_ROUTERS = ["reserve.core.replica.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Threads, and so connections, that one web process keeps for GraphQL, and for
# REST and pages; the desk has two more.
DATABASE_THREADS = env.integer("DATABASE_THREADS", 4, maximum=64)
PAGE_THREADS = env.integer("PAGE_THREADS", 4, maximum=64)
# Threads of one web process that hash passwords; they yield to all others.
PASSWORD_THREADS = env.integer("PASSWORD_THREADS", 1, maximum=16)
