"""The id of a request is in every task, event and log line that it caused."""

import threading

import pytest
from celery import shared_task
from celery.contrib.testing.worker import start_worker

from reserve.celery import app
from reserve.core.context import begin_request, client_address, on_behalf_of, request_id

_QUEUE = "test.context"
seen: list[str] = []
_ran = threading.Semaphore(0)


@shared_task
def look_around() -> None:
    seen.append(request_id())
    _ran.release()


def test_work_on_behalf_of_another_leaves_our_own_context_alone() -> None:
    begin_request("ours", address="192.0.2.1")
    with on_behalf_of("theirs"):
        assert request_id() == "theirs"
    with pytest.raises(ZeroDivisionError), on_behalf_of("theirs"):
        1 / 0  # noqa: B018 (a fault in the middle of it)
    assert (request_id(), client_address()) == ("ours", "192.0.2.1")


def test_a_task_goes_by_the_request_that_sent_it_and_else_by_its_own_id() -> None:
    """By a real worker over the real broker."""
    app.set_current()
    app.loader.import_default_modules()
    with start_worker(app, pool="solo", queues=[_QUEUE], perform_ping_check=False, loglevel=40):
        with on_behalf_of("caused-by-this"):
            look_around.apply_async(queue=_QUEUE)
        assert _ran.acquire(timeout=20)
        with on_behalf_of(""):
            alone = look_around.apply_async(queue=_QUEUE)
        assert _ran.acquire(timeout=20)
    assert seen == ["caused-by-this", alone.id]
