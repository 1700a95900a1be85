"""What is said of a value of the wrong kind, in the same words wherever it comes in."""

TRUE_OR_FALSE = "This must be true or false."
WHOLE_NUMBER = "This must be a whole number."
NUMBER = "This must be a number."
TEXT = "This must be text."
TEXTS = "This must be a list of texts."
WHOLE_NUMBERS = "This must be a list of whole numbers."
DATE = "This must be a date."
TIME_OF_DAY = "This must be a time of day."
INSTANT = "This must be a time with its offset."
LIST = "This must be a list."
OBJECT = "This must be an object."
REQUIRED = "This is required."
UNKNOWN = "This member is not known."


def no_choice(value: object) -> str:
    """Of a value that is none of those to choose from; Django's forms say the same."""
    return f"Value {value!r} is not a valid choice."


def from_to(least: object, most: object) -> str:
    """Of a value that must lie between two others, both included."""
    return f"This must be from {least} to {most}."
