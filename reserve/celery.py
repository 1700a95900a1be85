"""The Celery application of `make worker` and `make beat`."""

import os
from typing import Any

from celery import Celery, signals

from reserve.core.context import begin_request

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")

app = Celery("reserve")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery would replace the handlers of the root logger; settings.py has set them."""


@signals.task_prerun.connect
def _begin_task(task_id: str = "", **_: Any) -> None:
    begin_request(task_id)
