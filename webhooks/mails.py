"""The mail that an organization's owners get when we disable one of their webhooks."""

from email.utils import formataddr, parseaddr
from uuid import UUID, uuid5

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import User
from reserve.core.languages import language_of
from reserve.outbox.models import Event
from webhooks.addresses import target_of
from webhooks.models import Webhook


def mail_id(event: Event, user: User) -> UUID:
    """The same whenever this event is handled, and another for each reader."""
    return uuid5(event.pk, user.pk.hex)


def webhook_disabled(event: Event, webhook: Webhook, user: User) -> EmailMultiAlternatives:
    with language_of(user.locale):
        words = {
            "organization": webhook.organization.name,
            # Paths may hold what opens a door.
            "host": target_of(webhook.url, allows_plain=True).host,
        }
        content = {
            "letter": {
                "paragraphs": (
                    _("Hello %(name)s,") % {"name": user.name},
                    _(
                        "The webhook of %(organization)s at %(host)s took no message for days,"
                        " or said that it is gone. It is disabled, and is sent nothing more."
                    )
                    % words,
                    _(
                        "Once it works again, enable it. What it missed meanwhile can be read"
                        " from the feed of events."
                    ),
                )
            },
            "language": translation.get_language(),
            "direction": "rtl" if translation.get_language_bidi() else "ltr",
        }
        domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
        message = EmailMultiAlternatives(
            subject=_("A webhook of %(organization)s was disabled") % words,
            body=render_to_string("accounts/email/letter.txt", content),
            to=[formataddr((user.name, user.email))],
            headers={
                "Auto-Submitted": "auto-generated",
                "Message-ID": f"<{mail_id(event, user).hex}@{domain}>",
            },
        )
        html = render_to_string("accounts/email/letter.html", content)
        message.attach_alternative(html, "text/html")
        return message
