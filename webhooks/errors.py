"""What may go wrong with webhooks on purpose."""

from reserve.core.errors import Conflict


class WebhookDisabled(Conflict):
    message = "This webhook is disabled: enable it first."


class TooManyWebhooks(Conflict):
    message = "An organization has at most 20 webhooks."


class AddressRefused(Exception):
    """A name stands for an address that we do not send to. The text names no address."""
