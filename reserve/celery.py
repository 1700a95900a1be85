"""The Celery application of `make worker` and `make beat`."""

import os
from typing import Any

from celery import Celery, signals

from reserve.core.context import begin_request, request_id

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reserve.settings")

app = Celery("reserve")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery would replace the handlers of the root logger; settings.py has set them."""


_CAUSE = "request_id"


@signals.before_task_publish.connect
def _name_cause(headers: dict[str, Any], **_: Any) -> None:
    if cause := request_id():
        headers.setdefault(_CAUSE, cause)


@signals.task_prerun.connect
def _begin_task(task_id: str = "", task: Any = None, **_: Any) -> None:
    """A task goes by the id of the request that sent it, and by its own where none did."""
    begin_request(getattr(task.request, _CAUSE, None) or task_id)
