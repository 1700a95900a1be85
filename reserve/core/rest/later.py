"""Answers of views that wait for the event loop, and hold no thread meanwhile.

A few threads serve all of REST. One that waits for the desk keeps the next request
from joining the batch: with as many threads as that, a batch has no more bookings.
So a view that runs behind `BufferedWSGI` may leave what it waits for to the event
loop, and show what came of it there. Elsewhere it waits.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from rest_framework.request import Request
from rest_framework.response import Response

from reserve.core.rest.problems import problem_response
from reserve.core.wsgi import CAN_WAIT, Pending

Outcome = TypeVar("Outcome")


class _LaterResponse(Response):
    """Goes out through the middleware now, and has its content later."""

    pending: Pending
    # The framework's own, which its types leave out.
    renderer_context: dict[str, Any]

    def take_over(self, answer: Response) -> None:
        """Become what was answered in the end, with the headers that this one has got."""
        self.status_code = answer.status_code
        answer.accepted_renderer = self.accepted_renderer
        answer.accepted_media_type = self.accepted_media_type
        context = self.renderer_context | {"response": answer}
        answer.renderer_context = context  # type: ignore[attr-defined]
        self.content = answer.render().content
        for name, value in answer.items():
            self[name] = value
        self["Content-Length"] = str(len(self.content))


def answer_later(
    request: Request,
    *,
    begin: Callable[[], Awaitable[Outcome]],
    wait: Callable[[], Outcome],
    show: Callable[[Outcome], Response],
) -> Response:
    """What `show` makes of an outcome, whether it is had by `begin` or by `wait`.

    Args:
        begin: for the event loop.
        wait: the same for this thread, where nobody can wait elsewhere.
        show: from what is at hand, for it runs where nothing may be read any more.

    All of them may raise what views may.
    """
    if CAN_WAIT not in request.META:
        return show(wait())
    response = _LaterResponse()

    def finish(outcome: Any, failure: Exception | None) -> Any:
        answer = problem_response(failure, {}) if failure else _shown(show, outcome)
        response.take_over(answer)
        return response

    response.pending = Pending(begin, finish)
    return response


def _shown(show: Callable[[Any], Response], outcome: Any) -> Response:
    try:
        return show(outcome)
    except Exception as error:  # noqa: BLE001 (as the framework hands on what a view raises)
        return problem_response(error, {})
