"""What a sender says of a message that did not go out. Refusals of callers are the house's own."""


class ServerFailed(Exception):
    """The server cannot be reached, is slow, or refuses everybody: this message is not to blame.

    The text names the kind of failure alone, since what servers say contains addresses.
    """


class MessageRefused(Exception):
    """The server is well and does not take this one message. The text names the kind alone."""


class DeviceGone(Exception):
    """The push service knows the device no more, or was told to leave it alone."""
