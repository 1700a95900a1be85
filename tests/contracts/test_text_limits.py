"""Every text that GraphQL takes has a limit, which is told where it is given, and true."""

import re
from collections.abc import Callable, Iterator
from itertools import count

import httpx
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLInputField,
    ListValueNode,
    StringValueNode,
    ValueNode,
    get_named_type,
    get_nullable_type,
    is_input_object_type,
    is_introspection_type,
    is_list_type,
    is_object_type,
)

from reserve.schema import schema
from tests.contracts import roles
from tests.contracts.inputs import caller_of, changed_questions
from tests.contracts.questions import ask, code_of
from tests.contracts.worlds import Callers, World
from tests.factories import PASSWORD
from tests.openapi import document

_Input = GraphQLArgument | GraphQLInputField
_TOLD = re.compile(r"(?:[Aa]t most|of) (\d+) characters")
# Read from an answer and handed back; or one of the words, or of the form, that are told.
_WITHOUT_LIMIT = {"after", "manageToken", "eventTypes", "confirmationCode"}
# Right or not as a whole: what is too long is nobody's, and answered as any other that is.
_SECRETS = {
    *("login.input.email", "login.input.password", "changePassword.input.currentPassword"),
    *("refreshToken.input.refreshToken", "logout.input.refreshToken"),
    *("deleteAccount.input.password", "requestEmailChange.input.password"),
    *("verifyEmail.input.token", "confirmEmailChange.input.token"),
    # Their password is looked at once the link is found good.
    *("resetPassword.input.token", "resetPassword.input.password", "acceptInvitation.input.token"),
}
_numbers = count(1)


def _is_text(each: _Input) -> bool:
    return get_named_type(each.type).name == "String"


def _texts() -> Iterator[tuple[str, str, _Input]]:
    """Every text that can be sent: where it is, its name, and what is said of it."""
    for kind in schema.graphql_schema.type_map.values():
        if is_introspection_type(kind):
            continue
        if is_input_object_type(kind):
            places = [(f"{kind}", kind.fields)]
        elif is_object_type(kind):
            places = [(f"{kind}.{name}", field.args) for name, field in kind.fields.items()]
        else:
            continue
        for place, inputs in places:
            for name, each in inputs.items():
                if _is_text(each):
                    yield f"{place}.{name}", name, each


def _limit(each: _Input) -> int | None:
    found = _TOLD.search(each.description or "")
    return int(found[1]) if found else None


def test_every_text_tells_its_limit() -> None:
    texts = list(_texts())
    assert len(texts) > 90
    untold = [
        where for where, name, each in texts if name not in _WITHOUT_LIMIT and _limit(each) is None
    ]
    assert untold == []


# Requests of REST that have another name.
_SAME_AS = {
    "UpdateProfileInput": ("PatchedProfileRequest",),
    "DeleteAccountInput": ("PasswordRequest",),
    "VerifyEmailInput": ("LinkRequest",),
    "RequestEmailChangeInput": ("EmailChangeRequest",),
    "ConfirmEmailChangeInput": ("LinkRequest",),
    "RequestPasswordResetInput": ("EmailRequest",),
    "AcceptInvitationInput": ("LinkRequest",),
    "CreateOrganizationInput": ("NewOrganizationRequest",),
    "InviteMemberInput": ("InviteRequest",),
    "RegisterDeviceInput": ("NewDeviceRequest",),
    "CreateVenueInput": ("NewVenueRequest",),
    "UpdateVenueInput": ("PatchedVenueChangesRequest",),
    "AddResourceInput": ("FirstResourceRequest",),
    "UpdateResourceInput": ("PatchedFirstResourceRequest",),
    "CreateHoldInput": ("SeatsRequest",),
    "CreateBookingInput": ("SeatsRequest",),
    "CreateWebhookInput": ("NewWebhookRequest",),
    "UpdateWebhookInput": ("PatchedWebhookChangeRequest",),
    "LogoutInput": ("RefreshTokenRequest",),
    "AddSpecialHoursInput": ("NewSpecialHoursRequest",),
    "AddClosureInput": ("NewClosureRequest",),
    "UpdateClosureInput": ("PatchedNewClosureRequest",),
    "UpdateSlotInput": ("PatchedSlotChangesRequest",),
}


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def test_limits_are_those_of_rest() -> None:
    """Of inputs that both APIs call by the same name."""
    requests = {
        name: schema["properties"]
        for name, schema in document()["components"]["schemas"].items()
        if name.endswith("Request")
    }
    compared = 0
    for where, name, each in _texts():
        kind, _, _ = where.partition(".")
        for request in {kind.replace("Input", "Request"), *_SAME_AS.get(kind, ())}:
            said = requests.get(request, {}).get(_snake(name))
            if said is None or name in _WITHOUT_LIMIT:
                continue
            said = said.get("items", said)
            # A device's pattern has it.
            limit = said.get("maxLength") or int(said["pattern"].split(",")[1].split("}")[0])
            assert limit == _limit(each), (where, request)
            compared += 1
    assert compared > 70, compared


def _padded(before: str, after: str = "", letter: str = "x") -> Callable[[int], str]:
    """Texts of any length that differ each time."""

    def make(length: int) -> str:
        start = f"{before}{next(_numbers)}"
        return start + letter * (length - len(start) - len(after)) + after

    return make


def _language(length: int) -> str:
    """A language tag: English, and variants of at most eight letters."""
    variants = ("x" * 8 + "-") * length
    return ("en-" + variants)[: length - 6] + "-12345"


# What makes sense at any length, by the name of the input.
_FORMS: dict[str, Callable[[int], str]] = {
    "email": _padded("x", "@example.org"),
    "contactEmail": _padded("x", "@example.org"),
    "phone": _padded("1", letter="1"),
    "contactPhone": _padded("1", letter="1"),
    "locale": _language,
    "url": _padded("https://example.com/"),
    "website": _padded("https://example.com/"),
    "pictureUrls": _padded("https://example.com/"),
    "slug": _padded("x"),
}
# Of these no good one is as long as the limit, or it would end the logins of who asks.
_SHORTER = {"timezone", "country", "newPassword"}
_ANY = _padded("x")


def _of_length(beyond: int) -> Callable[[str, _Input], ValueNode | None]:
    """A change to a text as long as its limit, or longer by so many characters."""

    def change(name: str, each: _Input) -> ValueNode | None:
        if not _is_text(each) or name in _WITHOUT_LIMIT:
            return None
        limit = _limit(each)
        assert limit is not None, name
        text = StringValueNode(value=_FORMS.get(name, _ANY)(limit + beyond))
        is_list = is_list_type(get_nullable_type(each.type))
        return ListValueNode(values=(text,)) if is_list else text

    return change


def _named(answer: httpx.Response) -> set[str]:
    """The inputs that a refusal names, without the place of one in a list."""
    errors = answer.json().get("errors") or [{"extensions": {}}]
    return {re.sub(r"\.\d+", "", name) for name in errors[0]["extensions"].get("errors", ())}


@pytest.mark.django_db(transaction=True)
def test_limits_are_true(http: httpx.Client, world: World, callers: Callers) -> None:
    """A text as long as its limit is not refused for it; one character more is."""
    wrong, tried, secrets = [], 0, set()
    questions = (
        (beyond, *changed)
        for beyond in (0, 1)
        for kind, rows in (("query", roles.QUERIES), ("mutation", roles.MUTATIONS))
        for changed in changed_questions(kind, rows, _of_length(beyond))
    )
    for beyond, where, question in questions:
        path = f"{question.name}.{where}"
        is_secret = path in _SECRETS
        if not beyond and (is_secret or where.rpartition(".")[2] in _SHORTER):
            continue
        text = question.filled(question.values(world))
        if question.name in {"requestEmailChange", "changePassword"}:
            # What follows the password is looked at where that is right.
            text = text.replace('"wrong"', f'"{PASSWORD}"')
        answer = ask(http, question, text, callers.headers(caller_of(question.row)))
        tried += 1
        if is_secret:
            secrets.add(path)
            is_right = code_of(answer) in {"UNAUTHENTICATED", "BAD_USER_INPUT"}
        else:
            is_right = (where.removeprefix("input.") in _named(answer)) == bool(beyond)
        if not is_right:
            wrong.append(f"{path}, {beyond} beyond: {answer.text[:300]}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong)
    assert tried > 120, tried
    assert secrets == _SECRETS
