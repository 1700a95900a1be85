from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "reserve.outbox"
    label = "outbox"
    verbose_name = "event log"
