from django.apps import AppConfig

from reserve import checks

# Tasks that are called in any process belong to this Celery application.
from reserve.celery import app as celery_app


class ReserveConfig(AppConfig):
    name = "reserve"
    celery = celery_app
    checks = checks
