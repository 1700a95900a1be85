from accounts.api.graphql import logins, my_logins, organizations, passwords, people


class Query(my_logins.Query, organizations.Query, people.Query):
    pass


class Mutation(
    logins.Mutation,
    my_logins.Mutation,
    organizations.Mutation,
    passwords.Mutation,
    people.Mutation,
):
    pass
