import pytest
from django.core.exceptions import ImproperlyConfigured

from reserve.core.mail_server import MailServer, mail_server

SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer(SMTP, "mail.example", 25)),
        (
            "smtp+starttls://u:p%40ss@mail.example",
            MailServer(SMTP, "mail.example", 587, "u", "p@ss", starttls=True),
        ),
        ("smtps://u@mail.example:2465", MailServer(SMTP, "mail.example", 2465, "u", tls=True)),
    ],
)
def test_an_address_of_a_mail_server_is_read(url: str, server: MailServer) -> None:
    assert mail_server(url, allow_console=False) == server


def test_the_console_is_for_development() -> None:
    assert "console" in mail_server("console:", allow_console=True).backend
    with pytest.raises(ImproperlyConfigured, match="development only"):
        mail_server("console:", allow_console=False)


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example:none", "smtp:"]
)
def test_what_makes_no_sense_is_named(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        mail_server(url, allow_console=True)
