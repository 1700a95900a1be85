"""Both APIs, asked for what people do with their accounts and organizations."""

from typing import Any

import httpx

from accounts.actors import ANONYMOUS, Actor
from tests.clients import Answer, GraphQLApi, RestApi


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


# Each operation: its GraphQL field, input and selection; its REST method and path.
# Inputs are written as REST has them.
OPERATIONS: dict[str, tuple[str, str, str, str, str]] = {
    "register": ("register", "RegisterInput", "{ user { id } }", "POST", "/auth/register"),
    "verify email": ("verifyEmail", "VerifyEmailInput", "", "POST", "/auth/verify-email"),
    "request verification": (
        *("requestEmailVerification", "", ""),
        *("POST", "/auth/request-email-verification"),
    ),
    "request email change": (
        *("requestEmailChange", "RequestEmailChangeInput", ""),
        *("POST", "/auth/request-email-change"),
    ),
    "confirm email change": (
        *("confirmEmailChange", "ConfirmEmailChangeInput", ""),
        *("POST", "/auth/confirm-email-change"),
    ),
    "request reset": (
        *("requestPasswordReset", "RequestPasswordResetInput", ""),
        *("POST", "/auth/request-password-reset"),
    ),
    "reset": ("resetPassword", "ResetPasswordInput", "", "POST", "/auth/reset-password"),
    "change password": (
        *("changePassword", "ChangePasswordInput", ""),
        *("POST", "/auth/change-password"),
    ),
    "update profile": ("updateProfile", "UpdateProfileInput", "{ id }", "PATCH", "/me"),
    "delete account": ("deleteAccount", "DeleteAccountInput", "", "DELETE", "/me"),
    "create organization": (
        *("createOrganization", "CreateOrganizationInput", "{ id }"),
        *("POST", "/organizations"),
    ),
    "invite": (
        *("inviteMember", "InviteMemberInput", "{ id }"),
        *("POST", "/organizations/{organization_id}/invitations"),
    ),
    "accept": (
        *("acceptInvitation", "AcceptInvitationInput", "{ id role venueIds }"),
        *("POST", "/invitations/accept"),
    ),
    "change member": (
        *("changeMember", "ChangeMemberInput", "{ id role venueIds }"),
        *("PATCH", "/organizations/{organization_id}/members/{id}"),
    ),
}


class People:
    """Both APIs, asked for the same things in the same words."""

    def __init__(self, address: str, kind: str) -> None:
        self.kind = kind
        self.graphql, self.rest = GraphQLApi(address), RestApi(address)

    def ask(self, operation: str, actor: Actor = ANONYMOUS, /, **values: Any) -> Answer:
        field, input_type, selection, method, path = OPERATIONS[operation]
        if self.kind == "rest":
            body = {key: value for key, value in values.items() if f"{{{key}}}" not in path}
            response = self.rest.send(method, path.format(**values), body or None, actor)
            return _answer(response)
        if field == "changeMember":
            values.pop("organization_id")
        variables = {_camel_case(key): value for key, value in values.items()}
        declared, argument = (
            (f"($input: {input_type}!)", "(input: $input)") if input_type else ("", "")
        )
        document = f"mutation Ask{declared} {{ {field}{argument} {selection} }}"
        return self.graphql.ask(document, {"input": variables} if input_type else None, actor)


def _answer(response: httpx.Response) -> Answer:
    body = response.json() if response.content else None
    return Answer(body["code"] if response.is_error else None, body)
