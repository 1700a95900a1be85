"""The mails that people get about their accounts: plain, short, in their own language."""

from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from urllib.parse import urlencode

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.links import Purpose, make_token
from accounts.models import Invitation, Role, User
from reserve.core.languages import language_of
from reserve.outbox.models import Event


@dataclass(frozen=True, slots=True)
class _Letter:
    subject: str
    paragraphs: tuple[str, ...]
    action: str = ""
    link: str = ""
    closing: str = ""


def verification(event: Event, user: User) -> EmailMultiAlternatives:
    with language_of(user.locale):
        letter = _Letter(
            subject=_("Confirm your e-mail address"),
            paragraphs=(
                _("Hello %(name)s,") % {"name": user.name},
                _("Please confirm that this is your address. The link works for three days."),
            ),
            action=_("Confirm address"),
            link=_link(Purpose.VERIFY_EMAIL, user),
            closing=_("If you did not open an account, you can ignore this message."),
        )
        return _message(event, letter, to=user.email, name=user.name)


def password_reset(event: Event, user: User) -> EmailMultiAlternatives:
    with language_of(user.locale):
        letter = _Letter(
            subject=_("Choose a new password"),
            paragraphs=(
                _("Hello %(name)s,") % {"name": user.name},
                _(
                    "Somebody asked for a new password for your account."
                    " The link works once, and for one hour."
                ),
            ),
            action=_("Choose a new password"),
            link=_link(Purpose.RESET_PASSWORD, user),
            closing=_("If that was not you, ignore this message: your password stays as it is."),
        )
        return _message(event, letter, to=user.email, name=user.name)


def password_changed(event: Event, user: User) -> EmailMultiAlternatives:
    with language_of(user.locale):
        letter = _Letter(
            subject=_("Your password was changed"),
            paragraphs=(
                _("Hello %(name)s,") % {"name": user.name},
                _("The password of your account was changed. Other devices were logged out."),
            ),
            closing=_("If that was not you, choose a new password at once: ask for a reset."),
        )
        return _message(event, letter, to=user.email, name=user.name)


def email_change(event: Event, user: User) -> EmailMultiAlternatives:
    """To the new address, which does not count before it is verified."""
    with language_of(user.locale):
        letter = _Letter(
            subject=_("Confirm your new e-mail address"),
            paragraphs=(
                _("Hello %(name)s,") % {"name": user.name},
                _("Please confirm that this is your new address. The link works for one day."),
            ),
            action=_("Confirm address"),
            link=_link(Purpose.CHANGE_EMAIL, user),
            closing=_("If you did not ask for this, you can ignore this message."),
        )
        return _message(event, letter, to=user.pending_email, name=user.name)


def email_change_announced(event: Event, user: User) -> EmailMultiAlternatives:
    """To the old address, while its owner can still do something about it."""
    with language_of(user.locale):
        letter = _Letter(
            subject=_("Your e-mail address is about to change"),
            paragraphs=(
                _("Hello %(name)s,") % {"name": user.name},
                _(
                    "Somebody who knows your password asked that your account use another"
                    " e-mail address. It changes once that address is confirmed."
                ),
            ),
            closing=_("If that was not you, choose a new password at once: that ends the request."),
        )
        return _message(event, letter, to=user.email, name=user.name)


def invitation(event: Event, invited: Invitation, locale: str) -> EmailMultiAlternatives:
    with language_of(locale):
        organization = invited.organization.name
        letter = _Letter(
            subject=_("Work with %(organization)s") % {"organization": organization},
            paragraphs=(
                _("Hello,"),
                _("%(organization)s invites you to work with them as: %(role)s.")
                % {"organization": organization, "role": _role(invited.role)},
                _("The link works for seven days."),
            ),
            action=_("Accept the invitation"),
            link=_link(Purpose.ACCEPT_INVITATION, invited),
            closing=_("If you do not know them, you can ignore this message."),
        )
        return _message(event, letter, to=invited.email)


def _role(role: str) -> str:
    words = {Role.OWNER: _("owner"), Role.MANAGER: _("manager"), Role.STAFF: _("staff")}
    return words[Role(role)]


def _link(purpose: Purpose, subject: User | Invitation) -> str:
    # In the query, not in the path: request logs have the path.
    query = urlencode({"token": make_token(purpose, subject)})
    return f"{settings.PUBLIC_URL}/account/{purpose.slug}?{query}"


def _message(event: Event, letter: _Letter, *, to: str, name: str = "") -> EmailMultiAlternatives:
    content = {
        "letter": letter,
        "language": translation.get_language(),
        "direction": "rtl" if translation.get_language_bidi() else "ltr",
    }
    _sender, sender_address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=render_to_string("accounts/email/letter.txt", content),
        to=[formataddr((name, to))],
        headers={
            "Auto-Submitted": "auto-generated",
            # The same whenever this event is handled: a second copy can be told from a new one.
            "Message-ID": f"<{event.public_id}@{sender_address.rpartition('@')[2]}>",
        },
    )
    message.attach_alternative(render_to_string("accounts/email/letter.html", content), "text/html")
    return message
