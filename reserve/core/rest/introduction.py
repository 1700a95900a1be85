"""What the documentation says before its first operation; Markdown."""

INTRODUCTION = """\
Availability and bookings of venues.

**To try it here**, open `POST /auth/login`, press *Execute*, and you are logged in for whatever \
you try next. Or press *Authorize* and paste an access token. Reading public venues needs none.

- **Times** are RFC 3339 with the venue's offset; a `date` is a day of the venue's calendar.
- **Ids** are a prefix and a ULID, `venue_01HQ3K5W6X7Y8Z9A0B1C2D3E4F`: opaque, and in order of \
creation.
- **Bodies** are JSON. Types are never coerced; unknown members and query parameters are refused.
- **Lists** come in pages: `count`, `results`, and the addresses of the `next` and the \
`previous` page.
- **Refusals** are problem details (RFC 9457). Programs read `code`; `errors` names the fields; \
`request_id` is what to tell us.
- **Readings** carry an `ETag`. `If-None-Match` with it is answered by 304 while nothing changed. \
Where one moment decides the whole answer, it comes as `Last-Modified`, for `If-Modified-Since`: \
of a venue with its resources, hours and closures, of one's account and logins. What holds free \
seats or statuses moves with the clock and with other people's bookings, and has none. \
`fields=id,name` leaves out all other members.
- **Bookings** take an `Idempotency-Key`: sent again within 24 hours, a call is answered with the \
same booking.
- **Limits**: `RateLimit-Remaining` says how many requests are left; a 429 says in `Retry-After` \
when to come again.
"""
