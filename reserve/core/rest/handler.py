"""Django for callers who come with a token."""

from typing import Any

from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIHandler
from django.middleware.common import CommonMiddleware


class TokenHandler(WSGIHandler):
    """Checks the host and the length of answers, and has nothing for browsers' sessions.

    Cookies, CSRF, logins of staff, messages and the policies of pages mean nothing to whoever
    sends a token with each request, and cost as much as a small answer. The security
    headers come from `reserve.core.security_headers`, as those of GraphQL do.
    """

    # The base's own, which its types leave out.
    _get_response: Any

    def load_middleware(self, is_async: bool = False) -> None:
        self._view_middleware: list[Any] = []
        self._template_response_middleware: list[Any] = []
        self._exception_middleware: list[Any] = []
        view = convert_exception_to_response(self._get_response)
        self._middleware_chain = convert_exception_to_response(CommonMiddleware(view))
