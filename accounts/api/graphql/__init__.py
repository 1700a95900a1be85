from accounts.api.graphql import logins, organizations, passwords, people


class Query(organizations.Query, people.Query):
    pass


class Mutation(logins.Mutation, organizations.Mutation, passwords.Mutation, people.Mutation):
    pass
