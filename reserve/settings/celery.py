"""Celery: tasks run at least once, and are delivered again within seconds."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab
from kombu import Queue

from reserve import env
from reserve.settings.redis import redis_address

CELERY_BROKER_URL, _broker_options = redis_address.broker()
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
# Tasks after which a process connects to the database anew; see worker_connections.
CELERY_DB_REUSE_MAX = 1_000
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
    # Soon after a key was changed nothing needs the old one any more.
    "reseal webhook secrets": {
        "task": "webhooks.tasks.reseal_secrets",
        "schedule": timedelta(hours=1),
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
