"""Settings, read from the environment once. Every variable is listed in .env.example."""

import re
import socket
from datetime import timedelta
from email.utils import parseaddr
from hashlib import sha512
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from kombu import Queue
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from redis.backoff import NoBackoff
from redis.retry import Retry

from reserve import env
from reserve.core.logging import configure_logging
from reserve.core.mail_server import mail_server, organization_mail_servers
from reserve.core.redis_address import parse_redis_address

BASE_DIR = Path(__file__).resolve().parent.parent

# `development` has embedded servers and a token secret that everybody knows.
RESERVE_MODE = env.choice("RESERVE_MODE", "production", {"development", "production"})
PRODUCTION = RESERVE_MODE == "production"
DEBUG = env.boolean("DEBUG", False)

configure_logging(
    level=env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"}),
    rendering=env.choice("LOG_FORMAT", "json", {"json", "console"}),
)
LOGGING_CONFIG = None

# --- Secrets ---------------------------------------------------------------

_MINIMUM_SECRET_BYTES = 32
_DEVELOPMENT_KEY = "for-development-only-and-known-to-everybody"
JWT_SECRET = env.text("JWT_SECRET", "" if PRODUCTION else _DEVELOPMENT_KEY)
if not JWT_SECRET:
    raise ImproperlyConfigured("JWT_SECRET is not set. Set it to at least 32 random bytes.")
if len(JWT_SECRET.encode()) < _MINIMUM_SECRET_BYTES:
    raise ImproperlyConfigured("JWT_SECRET is too short. Set it to at least 32 random bytes.")
if PRODUCTION and JWT_SECRET == _DEVELOPMENT_KEY:
    raise ImproperlyConfigured("JWT_SECRET is the development one. Set your own.")
# One secret to keep, of which tokens and pages each have a key of their own.
SECRET_KEY = env.text("SECRET_KEY") or sha512(f"pages {JWT_SECRET}".encode()).hexdigest()
if len(SECRET_KEY.encode()) < _MINIMUM_SECRET_BYTES:
    raise ImproperlyConfigured("SECRET_KEY is too short. Set it to at least 32 random bytes.")

# --- Servers ---------------------------------------------------------------

PORT = env.integer("PORT", 4000, minimum=1, maximum=65535)


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

REDIS_URL = env.text("REDIS_URL", "redis://localhost:6379")
try:
    _redis = parse_redis_address(REDIS_URL)
except ValueError:
    raise ImproperlyConfigured(
        "REDIS_URL cannot be read. Write it as redis://HOST:PORT/NUMBER or unix:///PATH, "
        "or as sentinel://HOST:PORT,HOST:PORT/SERVICE/NUMBER."
    ) from None

# Nothing that a customer waits for may hang on Redis (seconds).
_ONCE = Retry(NoBackoff(), 0)
_REDIS_TIMEOUTS = {"socket_timeout": 1, "socket_connect_timeout": 1, "retry": _ONCE}
# A booking that waits for a guard waits less: the guard is a courtesy. Without
# `retry` the client would try three times more, with pauses between.
_GUARD_TIMEOUTS = {"socket_timeout": 0.3, "socket_connect_timeout": 0.3, "retry": _ONCE}
CACHES = {
    "default": _redis.cache(_REDIS_TIMEOUTS) | {"KEY_PREFIX": "reserve"},
    # A connection begins without a conversation, each turn of which may be slow.
    "guards": _redis.cache({**_GUARD_TIMEOUTS, "protocol": 2, "driver_info": None}),
    "limits": _redis.cache(_GUARD_TIMEOUTS) | {"KEY_PREFIX": "reserve.limit"},
}
CHANNEL_PREFIX = "reserve"
# A connection that only listens finds out by probes that nobody is there any more:
# after about ten seconds.
_LIVE_REDIS: dict[str, Any] = _redis.channel_layer_host()
if not _redis.is_unix_socket:
    _LIVE_REDIS |= {
        "socket_keepalive": True,
        "socket_keepalive_options": {
            getattr(socket, name): value
            for name, value in (("TCP_KEEPIDLE", 4), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3))
            if hasattr(socket, name)
        },
    }
CHANNEL_LAYERS = {
    "default": {
        # Over pub/sub, which survives a restart of Redis, as the core layer does
        # not; it tells of interruptions, so that what was lost is made good.
        "BACKEND": "reserve.core.channel_layer.ChannelLayer",
        "CONFIG": {"hosts": [_LIVE_REDIS], "prefix": CHANNEL_PREFIX},
    }
}

# --- Celery: at least once, redelivered within seconds ----------------------

CELERY_BROKER_URL, _broker_options = _redis.broker()
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For as long as the broker is away; after the default of 100 a worker gives up and ends.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 60,
    # A worker that is killed while it looks for what to deliver again keeps the others
    # from it for so long (kombu's own: 300 s).
    "unacked_mutex_expire": 20,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
    "global_keyprefix": "reserve.celery.",
    # See CELERY_TASK_QUEUES.
    "queue_order_strategy": "sorted",
    **_broker_options,
}
# What people wait for goes before what has time. A worker takes from all of them, from
# the first by name that has something.
CELERY_TASK_QUEUES = [
    Queue(name) for name in ("1-events", "2-messages", "3-planned", "4-housekeeping")
]
CELERY_TASK_DEFAULT_QUEUE = "4-housekeeping"
CELERY_TASK_ROUTES = {
    "reserve.outbox.tasks.relay_events": {"queue": "1-events"},
    "bookings.tasks.reclaim_lapsed_holds": {"queue": "1-events"},
    "notifications.tasks.send_prompt_deliveries": {"queue": "2-messages"},
    "bookings.tasks.republish_changed_venues": {"queue": "2-messages"},
    "notifications.tasks.send_planned_deliveries": {"queue": "3-planned"},
    "webhooks.tasks.send_webhooks": {"queue": "3-planned"},
    "notifications.tasks.make_reminders": {"queue": "3-planned"},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# While one process relays another sends: there are two at least.
CELERY_WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 2, minimum=2, maximum=64)
# So many of a worker's processes relay, and so many send, at once (`reserve.core.crew`).
WORKER_CREW = CELERY_WORKER_CONCURRENCY // 2
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_TASK_SOFT_TIME_LIMIT = 40
CELERY_TASK_TIME_LIMIT = 50
CELERY_TASK_PUBLISH_RETRY = False
# In memory: a schedule of seconds and of fixed hours needs no file of last runs.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep the event log": {
        "task": "reserve.outbox.tasks.relay_events",
        "schedule": timedelta(seconds=2),
        # A beat that comes late is of no use when the next one is due.
        "options": {"expires": 2},
    },
    "send messages": {
        "task": "notifications.tasks.send_prompt_deliveries",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "send reminders": {
        "task": "notifications.tasks.send_planned_deliveries",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "send webhooks": {
        "task": "webhooks.tasks.send_webhooks",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "forget old webhook deliveries": {
        "task": "webhooks.tasks.forget_old_deliveries",
        "schedule": crontab(hour="3", minute="25"),
        "options": {"expires": 3600},
    },
    "make reminders": {
        "task": "notifications.tasks.make_reminders",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "forget ended devices": {
        "task": "notifications.tasks.forget_ended_devices",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "forget old messages": {
        "task": "notifications.tasks.forget_old_deliveries",
        "schedule": crontab(hour="3", minute="20"),
        "options": {"expires": 3600},
    },
    "reclaim lapsed holds": {
        "task": "bookings.tasks.reclaim_lapsed_holds",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "decline unanswered bookings": {
        "task": "bookings.tasks.decline_unanswered_bookings",
        "schedule": timedelta(seconds=60),
        "options": {"expires": 60},
    },
    "forget old idempotency keys": {
        "task": "bookings.tasks.forget_idempotency_keys",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    # Each venue has its turn once a day, when its own day begins; somewhere one does. As
    # often as one run may take: with many venues due, the next goes on where it stopped.
    "publish the next day of venues": {
        "task": "bookings.tasks.roll_publications",
        "schedule": timedelta(seconds=30),
        "options": {"expires": 30},
    },
    "republish changed venues": {
        "task": "bookings.tasks.republish_changed_venues",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "forget old logins": {
        "task": "accounts.tasks.forget_old_logins",
        "schedule": crontab(hour="3", minute="10"),
        "options": {"expires": 3600},
    },
    "check the ledger": {
        "task": "bookings.tasks.check_ledger",
        # While venues sleep; in UTC, like every time here.
        "schedule": crontab(hour="3", minute="30"),
        "options": {"expires": 3600},
    },
}

# --- Booking rules that a venue may override ---------------------------------

MAX_BOOKING_ADVANCE = timedelta(days=env.integer("MAX_BOOKING_ADVANCE_DAYS", 90, maximum=730))
SLOT_DURATION = timedelta(minutes=env.integer("SLOT_DURATION_MINUTES", 30, maximum=1440))
HOLD_TTL = timedelta(seconds=env.integer("HOLD_TTL_SECONDS", 600, maximum=86_400))

# Whether what a day offers may be answered from memory while nothing has changed.
AVAILABILITY_CACHE = env.boolean("AVAILABILITY_CACHE", True)

# --- Limits --------------------------------------------------------------------

RATE_LIMIT_MAX_REQUESTS = env.integer("RATE_LIMIT_MAX_REQUESTS", 100, maximum=1_000_000)
RATE_LIMIT_WINDOW_SECONDS = env.integer("RATE_LIMIT_WINDOW_SECONDS", 60, maximum=86_400)
AUTH_RATE_LIMIT_ACCOUNT = env.integer("AUTH_RATE_LIMIT_ACCOUNT", 10, maximum=1_000_000)
AUTH_RATE_LIMIT_ADDRESS = env.integer("AUTH_RATE_LIMIT_ADDRESS", 60, maximum=1_000_000)
# Open sockets of one account or address in one web process.
SOCKETS_PER_CALLER = env.integer("SOCKETS_PER_CALLER", 200, maximum=1_000_000)
# What GraphQL tells of its schema, which is public unless somebody wants it otherwise.
GRAPHQL_INTROSPECTION = env.boolean("GRAPHQL_INTROSPECTION", True)
GRAPHQL_SUGGESTIONS = env.boolean("GRAPHQL_SUGGESTIONS", True)
# Of django-ratelimit.
RATELIMIT_USE_CACHE = "limits"
# How many entries at the right end of X-Forwarded-For are our own proxies' work.
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, minimum=0, maximum=10)

# --- Tokens ------------------------------------------------------------------

# Seconds by which the clocks of two machines may differ.
_LEEWAY = timedelta(seconds=5)
# What was signed with these still counts, so that JWT_SECRET can be changed.
JWT_PREVIOUS_SECRETS = env.words("JWT_PREVIOUS_SECRETS")
if any(len(secret.encode()) < _MINIMUM_SECRET_BYTES for secret in JWT_PREVIOUS_SECRETS):
    raise ImproperlyConfigured(
        "JWT_PREVIOUS_SECRETS has one that is too short. Each has at least 32 random bytes."
    )
SIMPLE_JWT = {
    "LEEWAY": _LEEWAY,
    "SIGNING_KEY": JWT_SECRET,
    "ALGORITHM": "HS256",
    "ISSUER": "reserve",
    "AUDIENCE": "reserve",
    "ACCESS_TOKEN_LIFETIME": env.duration("JWT_ACCESS_EXPIRES_IN", "15m"),
    "REFRESH_TOKEN_LIFETIME": env.duration("JWT_EXPIRES_IN", "7d"),
    "USER_ID_CLAIM": "sub",
}

# --- Mail ----------------------------------------------------------------------

# Links in mails begin with this: how people reach the pages from outside.
PUBLIC_URL = env.text("PUBLIC_URL", f"http://localhost:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.netloc or _public.path:
    raise ImproperlyConfigured(
        "PUBLIC_URL cannot be read. Write it as https://HOST, without a path."
    )
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "ReserveAPI <noreply@localhost>")
if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(DEFAULT_FROM_EMAIL)[1]):
    raise ImproperlyConfigured("DEFAULT_FROM_EMAIL cannot be read. Write it as NAME <ADDRESS>.")

_mail = mail_server(
    env.text("EMAIL_URL", "smtp://localhost:25" if PRODUCTION else "console:"),
    allow_console=not PRODUCTION,
)
EMAIL_BACKEND = _mail.backend
# Where those that go to the console are kept for /dev/mails.
DEVELOPMENT_MAILS = BASE_DIR / "var" / "mails"
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
# For each answer of a server, seconds. Nobody else waits for it meanwhile.
EMAIL_TIMEOUT = 5
# By the short name of the organization, whose bookings' mails go out by it.
ORGANIZATION_MAIL_SERVERS = organization_mail_servers(env.words("ORGANIZATION_EMAIL_URLS"))

# --- Push ----------------------------------------------------------------------

# Nothing is pushed while the topic is unset.
SNS_TOPIC_ARN = env.text("SNS_TOPIC_ARN")
AWS_REGION = env.text("AWS_REGION", "us-east-1")
AWS_ENDPOINT_URL = env.text("AWS_ENDPOINT_URL")
# SNS's names of what stands for our apps at Apple's and Google's push services.
SNS_IOS_APPLICATION_ARN = env.text("SNS_IOS_APPLICATION_ARN")
SNS_ANDROID_APPLICATION_ARN = env.text("SNS_ANDROID_APPLICATION_ARN")
for _name, _arn in {
    "SNS_TOPIC_ARN": SNS_TOPIC_ARN,
    "SNS_IOS_APPLICATION_ARN": SNS_IOS_APPLICATION_ARN,
    "SNS_ANDROID_APPLICATION_ARN": SNS_ANDROID_APPLICATION_ARN,
}.items():
    if _arn and not _arn.startswith("arn:"):
        raise ImproperlyConfigured(
            f"{_name} cannot be read. Write it as AWS shows it: arn:aws:sns:REGION:ACCOUNT:NAME."
        )
if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", AWS_REGION):
    raise ImproperlyConfigured("AWS_REGION cannot be read. Write it as eu-central-1.")
if AWS_ENDPOINT_URL and urlsplit(AWS_ENDPOINT_URL).scheme not in {"http", "https"}:
    raise ImproperlyConfigured("AWS_ENDPOINT_URL cannot be read. Write it as https://HOST:PORT.")

# --- Webhooks --------------------------------------------------------------------

# Whether they may go to this machine itself, for development and tests.
WEBHOOK_ALLOW_LOOPBACK = env.boolean("WEBHOOK_ALLOW_LOOPBACK", False)
if WEBHOOK_ALLOW_LOOPBACK and PRODUCTION:
    raise ImproperlyConfigured("WEBHOOK_ALLOW_LOOPBACK is for development only. Leave it unset.")
# Without TLS everybody on the way reads along.
WEBHOOK_ALLOW_HTTP = not PRODUCTION

# --- Django ------------------------------------------------------------------

INSTALLED_APPS = [
    "accounts.second_factor.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "graphene_django",
    "csp",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "reserve",
    "reserve.outbox",
    "accounts",
    "venues",
    "bookings",
    "notifications",
    "webhooks",
]
MIDDLEWARE = [
    "reserve.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.sessions.SessionLimitMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
]
ROOT_URLCONF = "reserve.urls"
ASGI_APPLICATION = "reserve.asgi.application"
APPEND_SLASH = False
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]" if PRODUCTION else "*")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
CORS_ALLOWED_ORIGINS = env.exact_origins("CORS_ALLOWED_ORIGINS")
# Where spans go, by OTLP over HTTP; nowhere while unset.
OTEL_EXPORTER_OTLP_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
if OTEL_EXPORTER_OTLP_ENDPOINT and not re.fullmatch(
    r"https?://[^/]+(/.*)?", OTEL_EXPORTER_OTLP_ENDPOINT
):
    raise ImproperlyConfigured(
        "OTEL_EXPORTER_OTLP_ENDPOINT cannot be read. Write it as http://HOST:4318."
    )
OTEL_SERVICE_NAME = env.text("OTEL_SERVICE_NAME", "reserve")
if not re.fullmatch(r"[\w.-]+", OTEL_SERVICE_NAME):
    raise ImproperlyConfigured("OTEL_SERVICE_NAME must be of letters, digits, dots and hyphens.")
# Of traces that begin here; a caller that keeps its trace has ours kept too.
TRACE_PERCENT = env.integer("TRACE_PERCENT", 5, minimum=0, maximum=100)
# Where a worker shows its figures; 0 for nowhere.
WORKER_METRICS_PORT = env.integer("WORKER_METRICS_PORT", 0, minimum=0, maximum=65535)
METRICS_ALLOWED_NETWORKS = env.networks("METRICS_ALLOWED_NETWORKS", "127.0.0.0/8,::1/128")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "accounts.hashers.SingleLaneArgon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "name", "phone")},
    },
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator"},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]

# --- Pages: cookies, sessions and headers ------------------------------------------

SECURE_COOKIES = env.boolean("SECURE_COOKIES", PRODUCTION)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Browsers take a cookie of such a name from this very host over HTTPS only, so
# that no neighbour in the domain can plant one.
_COOKIE_PREFIX = "__Host-" if SECURE_COOKIES else ""
SESSION_COOKIE_NAME = f"{_COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{_COOKIE_PREFIX}csrftoken"
# Since the login, and since the last page; see accounts.sessions.
SESSION_AGE_LIMIT = env.duration("SESSION_AGE_LIMIT", "12h")
SESSION_IDLE_LIMIT = env.duration("SESSION_IDLE_LIMIT", "30m")
SESSION_COOKIE_AGE = int(SESSION_AGE_LIMIT.total_seconds())

# A proxy must set or strip this header: whoever sends it himself would decide
# what counts as HTTPS.
TRUST_FORWARDED_PROTO = env.boolean("TRUST_FORWARDED_PROTO", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUST_FORWARDED_PROTO else None
SECURE_HSTS_SECONDS = env.integer(
    "HSTS_SECONDS", 31_536_000 if PRODUCTION else 0, minimum=0, maximum=2**31 - 1
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.boolean("HSTS_INCLUDE_SUBDOMAINS", False)

# What every answer carries, Django's or not, is put together in
# reserve.core.security_headers from these.
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
CROSS_ORIGIN_RESOURCE_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)
# Scripts and styles come from our own static files and nowhere else, neither
# inline nor evaluated. connect-src takes in ws: and wss: to the same host and
# port (CSP 3, section 6.7.2.8).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Of answers that are no pages: the APIs'.
DATA_CONTENT_SECURITY_POLICY = "default-src 'none'; frame-ancestors 'none'"

SILENCED_SYSTEM_CHECKS = [
    # Other names of the domain are not ours to decide on: HSTS_INCLUDE_SUBDOMAINS does.
    "security.W005",
    # The proxy that ends TLS redirects to it. We would send a browser in circles
    # behind a proxy that does not tell us.
    "security.W008",
    # A promise that browsers ship with, for a domain that its owner enters in a list.
    "security.W021",
]

# Who must have a second factor in the admin; administrators wherever anybody must.
SECOND_FACTOR_REQUIRED_FOR = env.choice(
    "SECOND_FACTOR_REQUIRED_FOR",
    "owners" if PRODUCTION else "nobody",
    {"nobody", "owners", "managers", "staff"},
)
# Shown in the authenticator app.
OTP_TOTP_ISSUER = "ReserveAPI"

LANGUAGE_CODE = "en"
# Those that our mails and pages are written in; `locale/` has the catalogues.
LANGUAGES = [("en", "English"), ("da", "Dansk"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "dist"]
# Development serves what the finders see; production what `make build` collected.
WHITENOISE_USE_FINDERS = not PRODUCTION
# What browsers and robots ask for at the root: /favicon.ico and /robots.txt.
WHITENOISE_ROOT = BASE_DIR / "reserve" / "root"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# --- APIs ----------------------------------------------------------------------

EVENT_ROUTES = "reserve.event_routes.ROUTES"
ACCOUNT_EXPORT_PARTS = "reserve.export_parts.PARTS"
VENUES_OF_ORGANIZATION = "venues.selectors.are_venues_of"
# A web process with an older undelivered event is not ready: nobody relays.
EVENT_AGE_LIMIT = env.duration("EVENT_AGE_LIMIT", "5m")
MAX_BODY_BYTES = 1 << 20
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

GRAPHENE = {"SCHEMA": "reserve.schema.schema", "SCHEMA_OUTPUT": "schema.graphql"}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.authentication.AccessTokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "DEFAULT_RENDERER_CLASSES": ["reserve.core.rest.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["reserve.core.rest.parsers.JSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "reserve.core.rest.negotiation.OnlyJSON",
    "DEFAULT_METADATA_CLASS": "reserve.core.rest.negotiation.AllowedMethods",
    "URL_FORMAT_OVERRIDE": None,
    "DEFAULT_SCHEMA_CLASS": "reserve.core.rest.openapi.OperationSchema",
    "EXCEPTION_HANDLER": "reserve.core.rest.problems.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "ReserveAPI",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "BookingStatus": "bookings.api.rest.fields.BOOKING_STATUSES",
        "SlotStatus": "bookings.api.rest.fields.SLOT_STATUSES",
        "Role": "accounts.models.Role",
        "BookingMode": "venues.models.BookingMode",
        "ConfirmationMode": "venues.models.ConfirmationMode",
        "Weekday": "venues.models.Weekday",
        "NotificationKind": "notifications.kinds.Kind",
        "NotificationChannel": "notifications.kinds.Channel",
        "NotificationAudience": "notifications.api.rest.PEOPLE",
        "DevicePlatform": "notifications.kinds.Platform",
        "ConflictKind": "bookings.difference.ConflictKind",
        "WebhookDeliveryState": "webhooks.kinds.DeliveryState",
        "WebhookEventType": "webhooks.kinds.EVENT_TYPES",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "reserve.core.rest.openapi.share",
    ],
}
