"""Reading the addresses of mail servers."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """What Django wants to know of a mail server."""

    backend: str
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_server(url: str, *, allow_console: bool) -> MailServer:
    """The server at an address such as `smtps://USER:PASSWORD@HOST:PORT`.

    Args:
        allow_console: whether `console:` may stand for the standard output.

    Raises:
        ImproperlyConfigured: it cannot be read; the sentence names EMAIL_URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "console" and allow_console:
        return MailServer("reserve.core.console_mail.EmailBackend")
    try:
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    if not parts.hostname or not port:
        raise ImproperlyConfigured(
            "EMAIL_URL cannot be read. Write it as smtp://, smtp+starttls:// or"
            " smtps://USER:PASSWORD@HOST:PORT; console: is for development only, since it"
            " shows the links to whoever reads the log."
        )
    return MailServer(
        "django.core.mail.backends.smtp.EmailBackend",
        host=parts.hostname,
        port=port,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=parts.scheme == "smtp+starttls",
        tls=parts.scheme == "smtps",
    )


def organization_mail_servers(entries: Iterable[str]) -> dict[str, MailServer]:
    """Servers of organizations' own, by short name, from entries such as `museum=smtp://HOST`.

    Raises:
        ImproperlyConfigured: an entry cannot be read; the sentence names the variable, and no
            entry, since addresses hold passwords.
    """
    servers = {}
    for entry in entries:
        slug, separator, url = entry.partition("=")
        try:
            servers[slug.strip()] = mail_server(url.strip(), allow_console=False)
        except ImproperlyConfigured:
            separator = ""
        if not separator or not slug.strip():
            raise ImproperlyConfigured(
                "ORGANIZATION_EMAIL_URLS cannot be read. Write each entry as"
                " SHORT-NAME=smtp://USER:PASSWORD@HOST:PORT, with a comma between two."
            )
    return servers
