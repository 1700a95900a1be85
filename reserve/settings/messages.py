"""What goes out: mail, push and webhooks."""

import re
from email.utils import parseaddr
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from reserve import env
from reserve.core.mail_server import mail_server, organization_mail_servers
from reserve.settings.mode import BASE_DIR, PORT, PRODUCTION

# Links in mails begin with this: how people reach the pages from outside.
PUBLIC_URL = env.text("PUBLIC_URL", f"http://localhost:{PORT}").rstrip("/")
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in {"http", "https"} or not _public.netloc or _public.path:
    raise ImproperlyConfigured(
        "PUBLIC_URL cannot be read. Write it as https://HOST, without a path."
    )
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "ReserveAPI <noreply@localhost>")
if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(DEFAULT_FROM_EMAIL)[1]):
    raise ImproperlyConfigured("DEFAULT_FROM_EMAIL cannot be read. Write it as NAME <ADDRESS>.")

_mail = mail_server(
    env.text("EMAIL_URL", "smtp://localhost:25" if PRODUCTION else "console:"),
    allow_console=not PRODUCTION,
)
EMAIL_BACKEND = _mail.backend
# Where those that go to the console are kept for /dev/mails.
DEVELOPMENT_MAILS = BASE_DIR / "var" / "mails"
EMAIL_HOST, EMAIL_PORT = _mail.host, _mail.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail.user, _mail.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.starttls, _mail.tls
# For each answer of a server, seconds. Nobody else waits for it meanwhile.
EMAIL_TIMEOUT = 5
# By the short name of the organization, whose bookings' mails go out by it.
ORGANIZATION_MAIL_SERVERS = organization_mail_servers(env.words("ORGANIZATION_EMAIL_URLS"))

# --- Push ----------------------------------------------------------------------

# Nothing is pushed while the topic is unset.
SNS_TOPIC_ARN = env.text("SNS_TOPIC_ARN")
AWS_REGION = env.text("AWS_REGION", "us-east-1")
AWS_ENDPOINT_URL = env.text("AWS_ENDPOINT_URL")
# SNS's names of what stands for our apps at Apple's and Google's push services.
SNS_IOS_APPLICATION_ARN = env.text("SNS_IOS_APPLICATION_ARN")
SNS_ANDROID_APPLICATION_ARN = env.text("SNS_ANDROID_APPLICATION_ARN")
for _name, _arn in {
    "SNS_TOPIC_ARN": SNS_TOPIC_ARN,
    "SNS_IOS_APPLICATION_ARN": SNS_IOS_APPLICATION_ARN,
    "SNS_ANDROID_APPLICATION_ARN": SNS_ANDROID_APPLICATION_ARN,
}.items():
    if _arn and not _arn.startswith("arn:"):
        raise ImproperlyConfigured(
            f"{_name} cannot be read. Write it as AWS shows it: arn:aws:sns:REGION:ACCOUNT:NAME."
        )
if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-[0-9]+", AWS_REGION):
    raise ImproperlyConfigured("AWS_REGION cannot be read. Write it as eu-central-1.")
if AWS_ENDPOINT_URL and urlsplit(AWS_ENDPOINT_URL).scheme not in {"http", "https"}:
    raise ImproperlyConfigured("AWS_ENDPOINT_URL cannot be read. Write it as https://HOST:PORT.")

# --- Webhooks --------------------------------------------------------------------

# Whether they may go to this machine itself, for development and tests.
WEBHOOK_ALLOW_LOOPBACK = env.boolean("WEBHOOK_ALLOW_LOOPBACK", False)
if WEBHOOK_ALLOW_LOOPBACK and PRODUCTION:
    raise ImproperlyConfigured("WEBHOOK_ALLOW_LOOPBACK is for development only. Leave it unset.")
# Without TLS everybody on the way reads along.
WEBHOOK_ALLOW_HTTP = not PRODUCTION
