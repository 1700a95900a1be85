import graphene

from accounts import models
from accounts.selectors import logins_of
from accounts.services.logins import log_out_everywhere, revoke_login
from reserve.core.database import in_database
from reserve.core.graphql.described import id_of, own_id


class Login(graphene.ObjectType):
    """One of the caller's logins: a device on which they are logged in."""

    id = own_id("login")
    device = graphene.String(required=True, description="What the client called itself.")
    network = graphene.String(
        required=True, description="The network that it was last used from: a /24, or a /48."
    )
    created_at = graphene.DateTime(required=True, description="When it began, in UTC.")
    last_used_at = graphene.DateTime(
        required=True, description="When its tokens were last issued or refreshed, in UTC."
    )
    expires_at = graphene.DateTime(
        required=True, description="When it ends unless it is refreshed, in UTC."
    )
    is_current = graphene.Boolean(
        required=True, description="Whether this request's token belongs to it."
    )

    @staticmethod
    def resolve_id(login: models.Login, _info):
        return login.public_id

    @staticmethod
    def resolve_last_used_at(login: models.Login, _info):
        return login.refreshed_at

    @staticmethod
    def resolve_is_current(login: models.Login, info):
        return login.pk == info.context.actor.login_id


class Query(graphene.ObjectType):
    my_logins = graphene.List(
        graphene.NonNull(Login),
        required=True,
        description="Where the caller is logged in, at most 100, the last used first.",
    )

    @staticmethod
    async def resolve_my_logins(_root, info):
        return await in_database(logins_of, actor=info.context.actor)


class Mutation(graphene.ObjectType):
    revoke_login = graphene.Field(
        graphene.Boolean,
        required=True,
        id=id_of("login"),
        description="End one of the caller's logins: its tokens are refused from now on.",
    )
    logout_everywhere = graphene.Field(
        graphene.Boolean,
        required=True,
        description="End all of the caller's logins, this one included.",
    )

    @staticmethod
    async def resolve_revoke_login(_root, info, id) -> bool:  # noqa: A002 (the contract's name)
        login_id = models.Login.parse_id(id)
        await in_database(revoke_login, actor=info.context.actor, login_id=login_id)
        return True

    @staticmethod
    async def resolve_logout_everywhere(_root, info) -> bool:
        await in_database(log_out_everywhere, actor=info.context.actor)
        return True
