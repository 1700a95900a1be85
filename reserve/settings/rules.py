"""Rules of booking that a venue may override, and limits of callers."""

from datetime import timedelta

from reserve import env

MAX_BOOKING_ADVANCE = timedelta(days=env.integer("MAX_BOOKING_ADVANCE_DAYS", 90, maximum=730))
SLOT_DURATION = timedelta(minutes=env.integer("SLOT_DURATION_MINUTES", 30, maximum=1440))
HOLD_TTL = timedelta(seconds=env.integer("HOLD_TTL_SECONDS", 600, maximum=86_400))

# Whether what a day offers may be answered from memory while nothing has changed.
AVAILABILITY_CACHE = env.boolean("AVAILABILITY_CACHE", True)

RATE_LIMIT_MAX_REQUESTS = env.integer("RATE_LIMIT_MAX_REQUESTS", 100, maximum=1_000_000)
RATE_LIMIT_WINDOW_SECONDS = env.integer("RATE_LIMIT_WINDOW_SECONDS", 60, maximum=86_400)
AUTH_RATE_LIMIT_ACCOUNT = env.integer("AUTH_RATE_LIMIT_ACCOUNT", 10, maximum=1_000_000)
AUTH_RATE_LIMIT_ADDRESS = env.integer("AUTH_RATE_LIMIT_ADDRESS", 60, maximum=1_000_000)
# Open sockets of one account or address in one web process.
SOCKETS_PER_CALLER = env.integer("SOCKETS_PER_CALLER", 200, maximum=1_000_000)
# What GraphQL tells of its schema, which is public unless somebody wants it otherwise.
GRAPHQL_INTROSPECTION = env.boolean("GRAPHQL_INTROSPECTION", True)
GRAPHQL_SUGGESTIONS = env.boolean("GRAPHQL_SUGGESTIONS", True)
# Of django-ratelimit.
RATELIMIT_USE_CACHE = "limits"
# How many entries at the right end of X-Forwarded-For are our own proxies' work.
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, minimum=0, maximum=10)
