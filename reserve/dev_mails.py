"""The mails of development, to look at: a list, and each as its reader would see it."""

import email
import re
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from reserve.core.mail_pages import mail_page

_NAME = re.compile(r"[0-9a-f]{32}")


@never_cache
@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """All that are kept, the latest first."""
    return render(request, "dev/mails.html", {"mails": list(_kept())})


@csp_update({"frame-src": [SELF]})
@never_cache
@require_safe
def mail(request: HttpRequest, name: str = "") -> HttpResponse:
    """One of them: its headers, its text and its files, and the HTML in a frame."""
    message = _read(name)
    parts = [part for part in message.walk() if not part.is_multipart()]
    content: dict[str, Any] = {
        "name": name,
        "subject": message["Subject"],
        "headers": [(header, str(value)) for header, value in message.items()],
        "texts": [
            (part.get_filename() or part.get_content_type(), _text(part))
            for part in parts
            if part.get_content_type() != "text/html"
        ],
        "has_html": any(part.get_content_type() == "text/html" for part in parts),
    }
    return render(request, "dev/mail.html", content)


@xframe_options_sameorigin
@require_safe
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML of one, where it can run and load nothing."""
    part = _read(name).get_body(preferencelist=("html",))
    if part is None:
        raise Http404
    return mail_page(part.get_content())


def _kept() -> Iterator[dict[str, str]]:
    folder: Path = settings.DEVELOPMENT_MAILS
    for file in sorted(folder.glob("*.eml"), reverse=True):
        message = _read(file.stem)
        yield {
            "name": file.stem,
            "subject": str(message["Subject"]),
            "to": str(message["To"]),
            "date": str(message["Date"]),
        }


def _read(name: str) -> EmailMessage:
    """Raises Http404 where there is none by that name."""
    if not _NAME.fullmatch(name):
        raise Http404
    file: Path = settings.DEVELOPMENT_MAILS / f"{name}.eml"
    try:
        return email.message_from_bytes(file.read_bytes(), policy=policy.default)
    except FileNotFoundError:
        raise Http404 from None


def _text(part: EmailMessage) -> str:
    content = part.get_content()
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)


urlpatterns = [
    path("mails", mails, name="dev-mails"),
    path("mails/<str:name>", mail, name="dev-mail"),
    path("mails/<str:name>/html", mail_html, name="dev-mail-html"),
]
