"""Who may do what: every operation of the APIs, and what each of nine callers is answered.

A new operation is a line here. The tests fail for one that is not named, and tell
which; they also fail for a name that nothing answers to.

Callers meet a public venue with a booking of the `customer`, unless a row says otherwise:
`other` is another customer, `staff` and `manager` work for the venue's organization,
`elsewhere` is staff of it that is limited to another venue, `foreign` owns another
organization. The answer is the contract's code, or None for success. A token of
somebody who is `suspended` is refused with whatever it asks.

Placeholders begin with `$`: ids of things (`$booking`, `$venue`), made anew for each call
where a call may use them up, and values that are new with each call. In paths they are
in braces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CALLERS = (
    *("anonymous", "customer", "other", "staff", "elsewhere", "foreign", "manager", "suspended"),
    "administrator",
)

Rule = Mapping[str, str | None]


def _rule(usual: str | None, **others: str | None) -> Rule:
    assert others.keys() <= set(CALLERS)
    return dict.fromkeys(CALLERS, usual) | {"suspended": "UNAUTHENTICATED"} | others


def _only(*permitted: str, others: str, **named: str) -> Rule:
    return _rule(others, **(dict.fromkeys(permitted) | named))


AT_THE_VENUE = ("staff", "manager", "administrator")

ANYONE = _rule(None)
ACCOUNTS = _rule(None, anonymous="UNAUTHENTICATED")
# Whoever the caller is, the values are refused: links and passwords are good or not.
ANYONE_REFUSED = _rule("BAD_USER_INPUT")
ANYONE_UNKNOWN = _rule("UNAUTHENTICATED")
ACCOUNTS_REFUSED = _rule("BAD_USER_INPUT", anonymous="UNAUTHENTICATED")
# A thing of the customer's own, which nobody else knows of.
OWN = _only("customer", others="NOT_FOUND", anonymous="UNAUTHENTICATED")
ADMINISTRATORS = _only("administrator", others="FORBIDDEN", anonymous="UNAUTHENTICATED")

# The customer's booking: theirs, and the venue's staff's; for others it is not there.
BOOKING = _only("customer", *AT_THE_VENUE, others="NOT_FOUND")
BOOKING_STAFF = _only(*AT_THE_VENUE, others="NOT_FOUND", customer="FORBIDDEN")
# A guest's booking, without an account.
VENUE_STAFF = _only(*AT_THE_VENUE, others="FORBIDDEN")
VENUE_STAFF_BY_NAME = _only(*AT_THE_VENUE, others="FORBIDDEN", anonymous="UNAUTHENTICATED")
VENUE_MANAGERS = _only("manager", "administrator", others="FORBIDDEN")
# A venue that is not public: for others it is not there.
PRIVATE_VENUE = _only(*AT_THE_VENUE, others="NOT_FOUND")

MEMBERS = _only(*AT_THE_VENUE, "elsewhere", others="NOT_FOUND")
ORGANIZATION_MANAGERS = _only(
    *("manager", "administrator"), others="NOT_FOUND", staff="FORBIDDEN", elsewhere="FORBIDDEN"
)


@dataclass(frozen=True)
class Row:
    rule: Rule
    input: Any = None
    """GraphQL's arguments, as text; REST's body."""
    ends_logins: bool = False
    """Whether callers have to log in again after it."""


_TOKEN = 'input: {token: "no link of ours"}'
_OPENINGS = 'openings: [{weekday: 0, opensAt: "09:00", closesAt: "17:00"}]'
_SPECIAL = 'firstDate: "$day", lastDate: "$day", opensAt: "09:00", closesAt: "12:00"'
_NEW_VENUE = 'name: "New", slug: "$unique", timezone: "UTC"'
_SEATS = (
    'venueId: "$venue", slotId: "$slot", guestCount: 1, guest: {name: "Ada", phone: "+4512345678"}'
)
_HOOK = (
    'url: "https://example.com/hooks", description: "Ours", eventTypes: ["booking.held"],'
    " enabled: true"
)
_WISHES = (
    'quietFrom: "22:00", quietUntil: "07:00",'
    " preferences: [{audience: GUEST, kind: REMINDER, channel: EMAIL, enabled: true}]"
)

QUERIES: dict[str, Row] = {
    "me": Row(ACCOUNTS),
    "exportAccount": Row(ACCOUNTS),
    "organization": Row(MEMBERS, 'id: "$organization"'),
    "organizations": Row(ACCOUNTS),
    "members": Row(MEMBERS, 'organizationId: "$organization"'),
    "invitations": Row(ORGANIZATION_MANAGERS, 'organizationId: "$organization"'),
    "myLogins": Row(ACCOUNTS),
    "eventFeed": Row(ORGANIZATION_MANAGERS, 'organizationId: "$organization"'),
    "webhooks": Row(ORGANIZATION_MANAGERS, 'organizationId: "$organization"'),
    "webhook": Row(ORGANIZATION_MANAGERS, 'id: "$webhook"'),
    "webhookDeliveries": Row(ORGANIZATION_MANAGERS, 'webhookId: "$webhook"'),
    "venue": Row(PRIVATE_VENUE, 'id: "$private_venue"'),
    "venues": Row(ANYONE),
    "booking": Row(BOOKING, 'id: "$booking"'),
    "availableSlots": Row(PRIVATE_VENUE, 'venueId: "$private_venue", date: "2030-01-01"'),
    "slots": Row(PRIVATE_VENUE, 'venueId: "$private_venue", from: "2030-01-01", to: "2030-01-02"'),
    "availabilityCalendar": Row(
        PRIVATE_VENUE, 'venueId: "$private_venue", from: "2030-01-01", to: "2030-01-02"'
    ),
    "nextAvailableSlots": Row(PRIVATE_VENUE, 'venueIds: ["$private_venue"]'),
    # Bookings in lists, and by their code.
    "myBookings": Row(ACCOUNTS),
    "venueBookings": Row(VENUE_STAFF_BY_NAME, 'venueId: "$venue"'),
    "scheduleConflicts": Row(VENUE_STAFF_BY_NAME, 'venueId: "$venue"'),
    "bookingByCode": Row(
        _rule("NOT_FOUND"), 'confirmationCode: "AAAA2222", email: "nobody@example.com"'
    ),
    "myDevices": Row(ACCOUNTS),
    "notificationPreferences": Row(ACCOUNTS),
}

MUTATIONS: dict[str, Row] = {
    "register": Row(ANYONE_REFUSED, 'input: {email: "$email", password: "short", name: "A"}'),
    "login": Row(ANYONE_UNKNOWN, 'input: {email: "$email", password: "wrong"}'),
    "refreshToken": Row(ANYONE_UNKNOWN, 'input: {refreshToken: "none of ours"}'),
    "logout": Row(ANYONE_UNKNOWN, 'input: {refreshToken: "none of ours"}'),
    "logoutEverywhere": Row(ACCOUNTS, ends_logins=True),
    "revokeLogin": Row(OWN, 'id: "$login"'),
    "requestPasswordReset": Row(ANYONE, 'input: {email: "$email"}'),
    "resetPassword": Row(
        ANYONE_REFUSED, 'input: {token: "no link of ours", password: "a good passphrase"}'
    ),
    "requestEmailVerification": Row(ACCOUNTS),
    "verifyEmail": Row(ANYONE_REFUSED, _TOKEN),
    "requestEmailChange": Row(
        ACCOUNTS_REFUSED, 'input: {email: "new@example.com", password: "wrong"}'
    ),
    "confirmEmailChange": Row(ANYONE_REFUSED, _TOKEN),
    "changePassword": Row(
        ACCOUNTS_REFUSED, 'input: {currentPassword: "wrong", newPassword: "a good passphrase"}'
    ),
    "updateProfile": Row(ACCOUNTS, 'input: {name: "Ada"}'),
    "deleteAccount": Row(ACCOUNTS_REFUSED, 'input: {password: "wrong"}'),
    "createOrganization": Row(ADMINISTRATORS, 'input: {name: "New", slug: "$unique"}'),
    "inviteMember": Row(
        ORGANIZATION_MANAGERS,
        'input: {organizationId: "$organization", email: "$unique@example.com", role: STAFF}',
    ),
    "revokeInvitation": Row(ORGANIZATION_MANAGERS, 'id: "$invitation"'),
    "acceptInvitation": Row(ACCOUNTS_REFUSED, _TOKEN),
    "changeMember": Row(ORGANIZATION_MANAGERS, 'input: {id: "$member", role: STAFF}'),
    "removeMember": Row(ORGANIZATION_MANAGERS, 'id: "$member"'),
    "createWebhook": Row(
        ORGANIZATION_MANAGERS,
        f'input: {{organizationId: "$organization", {_HOOK}}}',
    ),
    "updateWebhook": Row(ORGANIZATION_MANAGERS, f'input: {{id: "$webhook", {_HOOK}}}'),
    "deleteWebhook": Row(ORGANIZATION_MANAGERS, 'id: "$webhook"'),
    "rotateWebhookSecret": Row(ORGANIZATION_MANAGERS, 'id: "$webhook"'),
    "testWebhook": Row(ORGANIZATION_MANAGERS, 'id: "$webhook"'),
    "redeliverWebhook": Row(ORGANIZATION_MANAGERS, 'deliveryId: "$webhook_delivery"'),
    "createVenue": Row(VENUE_MANAGERS, f'input: {{organizationId: "$organization", {_NEW_VENUE}}}'),
    "updateVenue": Row(VENUE_MANAGERS, 'input: {id: "$venue", city: "Copenhagen"}'),
    "addResource": Row(VENUE_MANAGERS, 'input: {venueId: "$venue", name: "$unique", capacity: 1}'),
    "updateResource": Row(VENUE_MANAGERS, 'input: {id: "$resource", position: 1}'),
    "setOpeningHours": Row(VENUE_MANAGERS, f'input: {{venueId: "$venue", {_OPENINGS}}}'),
    "setSpecialHours": Row(VENUE_MANAGERS, 'input: {venueId: "$venue", specialHours: []}'),
    "addSpecialHours": Row(VENUE_MANAGERS, f'input: {{venueId: "$venue", {_SPECIAL}}}'),
    "removeSpecialHours": Row(VENUE_MANAGERS, 'id: "$special_hours"'),
    "addClosure": Row(
        VENUE_MANAGERS, 'input: {venueId: "$venue", firstDate: "$day", lastDate: "$day"}'
    ),
    "updateClosure": Row(VENUE_MANAGERS, 'input: {id: "$closure", reason: "Snow"}'),
    "removeClosure": Row(VENUE_MANAGERS, 'id: "$closure"'),
    "addSlot": Row(
        VENUE_STAFF, 'input: {resourceId: "$resource", startTime: "$start", endTime: "$end"}'
    ),
    "updateSlot": Row(VENUE_STAFF, 'input: {id: "$slot", capacity: 5000}'),
    # For somebody, as staff do; without an account anybody names themselves.
    "createHold": Row(VENUE_STAFF | {"anonymous": None}, f"input: {{{_SEATS}}}"),
    "createBooking": Row(VENUE_STAFF | {"anonymous": None}, f"input: {{{_SEATS}}}"),
    "confirmBooking": Row(BOOKING, 'id: "$hold"'),
    "updateBooking": Row(BOOKING, 'id: "$booking", guestCount: 3'),
    "rescheduleBooking": Row(BOOKING, 'id: "$booking", slotId: "$next_slot"'),
    "cancelBooking": Row(BOOKING, 'id: "$booking"'),
    "approveBooking": Row(BOOKING_STAFF, 'id: "$booking"'),
    "declineBooking": Row(BOOKING_STAFF, 'id: "$booking"'),
    "checkInBooking": Row(BOOKING_STAFF, 'id: "$confirmed"'),
    "undoCheckIn": Row(BOOKING_STAFF, 'id: "$arrived"'),
    "markNoShow": Row(BOOKING_STAFF, 'id: "$confirmed"'),
    "completeBooking": Row(BOOKING_STAFF, 'id: "$arrived"'),
    "registerDevice": Row(ACCOUNTS, 'input: {token: "device-$unique", platform: IOS}'),
    "removeDevice": Row(OWN, 'id: "$device"'),
    "updateNotificationPreferences": Row(ACCOUNTS, f"input: {{{_WISHES}}}"),
}

SUBSCRIPTIONS: dict[str, Row] = {
    "slotAvailabilityChanged": Row(PRIVATE_VENUE, 'venueId: "$private_venue"'),
    "bookingStatusChanged": Row(BOOKING, 'bookingId: "$booking"'),
}

_LINK = {"token": "no link of ours"}
_HOURS = {"weekday": 0, "opens_at": "09:00", "closes_at": "17:00"}
_DAYS = {"first_date": "$day", "last_date": "$day"}
_TAKE = {
    "venue_id": "$venue",
    "slot_id": "$slot",
    "guest_count": 1,
    "guest": {"name": "Ada", "phone": "+4512345678"},
}
_HOOK_BODY = {
    "url": "https://example.com/hooks",
    "description": "Ours",
    "event_types": ["booking.held"],
    "enabled": True,
}
_WISHES_BODY = {
    "quiet_from": "22:00",
    "quiet_until": "07:00",
    "preferences": [{"audience": "GUEST", "kind": "REMINDER", "channel": "EMAIL", "enabled": True}],
}
_VENUE = "/venues/{venue}"
_PRIVATE = "/venues/{private_venue}"
_BOOKING = "/bookings/{booking}"
_ORGANIZATION = "/organizations/{organization}"
_WEBHOOKS = f"{_ORGANIZATION}/webhooks"
_WEBHOOK = f"{_WEBHOOKS}/{{webhook}}"

# The names in braces are ours: where a path is compared with the routes they do not count.
REST: dict[str, Row] = {
    "POST /auth/register": Row(
        ANYONE_REFUSED, {"email": "$email", "password": "short", "name": "A"}
    ),
    "POST /auth/login": Row(ANYONE_UNKNOWN, {"email": "$email", "password": "wrong"}),
    "POST /auth/refresh": Row(ANYONE_UNKNOWN, {"refresh_token": "none of ours"}),
    "POST /auth/logout": Row(ANYONE_UNKNOWN, {"refresh_token": "none of ours"}),
    "POST /auth/logout-everywhere": Row(ACCOUNTS, ends_logins=True),
    "POST /auth/request-email-verification": Row(ACCOUNTS),
    "POST /auth/verify-email": Row(ANYONE_REFUSED, _LINK),
    "POST /auth/request-email-change": Row(
        ACCOUNTS_REFUSED, {"email": "new@example.com", "password": "wrong"}
    ),
    "POST /auth/confirm-email-change": Row(ANYONE_REFUSED, _LINK),
    "POST /auth/request-password-reset": Row(ANYONE, {"email": "$email"}),
    "POST /auth/reset-password": Row(ANYONE_REFUSED, _LINK | {"password": "a good passphrase"}),
    "POST /auth/change-password": Row(
        ACCOUNTS_REFUSED, {"current_password": "wrong", "new_password": "a good passphrase"}
    ),
    "GET /me": Row(ACCOUNTS),
    "PATCH /me": Row(ACCOUNTS, {"name": "Ada"}),
    "DELETE /me": Row(ACCOUNTS_REFUSED, {"password": "wrong"}),
    "GET /me/export": Row(ACCOUNTS),
    "GET /me/logins": Row(ACCOUNTS),
    "DELETE /me/logins/{login}": Row(OWN),
    "GET /organizations": Row(ACCOUNTS),
    "POST /organizations": Row(ADMINISTRATORS, {"name": "New", "slug": "$unique"}),
    f"GET {_ORGANIZATION}": Row(MEMBERS),
    f"GET {_ORGANIZATION}/members": Row(MEMBERS),
    f"PATCH {_ORGANIZATION}/members/{{member}}": Row(ORGANIZATION_MANAGERS, {"role": "STAFF"}),
    f"DELETE {_ORGANIZATION}/members/{{member}}": Row(ORGANIZATION_MANAGERS),
    f"GET {_ORGANIZATION}/invitations": Row(ORGANIZATION_MANAGERS),
    f"POST {_ORGANIZATION}/invitations": Row(
        ORGANIZATION_MANAGERS, {"email": "$unique@example.com", "role": "STAFF"}
    ),
    f"GET {_ORGANIZATION}/invitations/{{invitation}}": Row(ORGANIZATION_MANAGERS),
    f"DELETE {_ORGANIZATION}/invitations/{{invitation}}": Row(ORGANIZATION_MANAGERS),
    "POST /invitations/accept": Row(ACCOUNTS_REFUSED, _LINK),
    f"GET {_WEBHOOKS}": Row(ORGANIZATION_MANAGERS),
    f"POST {_WEBHOOKS}": Row(ORGANIZATION_MANAGERS, _HOOK_BODY),
    f"GET {_WEBHOOK}": Row(ORGANIZATION_MANAGERS),
    f"PATCH {_WEBHOOK}": Row(ORGANIZATION_MANAGERS, _HOOK_BODY),
    f"DELETE {_WEBHOOK}": Row(ORGANIZATION_MANAGERS),
    f"POST {_WEBHOOK}/rotate-secret": Row(ORGANIZATION_MANAGERS),
    f"POST {_WEBHOOK}/test": Row(ORGANIZATION_MANAGERS),
    f"GET {_WEBHOOK}/deliveries": Row(ORGANIZATION_MANAGERS),
    f"GET {_WEBHOOKS}/{{sent_webhook}}/deliveries/{{webhook_delivery}}": Row(ORGANIZATION_MANAGERS),
    f"POST {_WEBHOOKS}/{{sent_webhook}}/deliveries/{{webhook_delivery}}/redeliver": Row(
        ORGANIZATION_MANAGERS
    ),
    "GET /events?organization_id={organization}": Row(ORGANIZATION_MANAGERS),
    "GET /venues": Row(ANYONE),
    "POST /venues": Row(
        VENUE_MANAGERS,
        {
            "organization_id": "$organization",
            "name": "New",
            "slug": "$unique",
            "timezone": "UTC",
        },
    ),
    f"GET {_PRIVATE}": Row(PRIVATE_VENUE),
    f"PATCH {_VENUE}": Row(VENUE_MANAGERS, {"city": "Copenhagen"}),
    f"GET {_PRIVATE}/resources": Row(PRIVATE_VENUE),
    f"POST {_VENUE}/resources": Row(VENUE_MANAGERS, {"name": "$unique", "capacity": 1}),
    f"GET {_PRIVATE}/resources/{{private_resource}}": Row(PRIVATE_VENUE),
    f"PATCH {_VENUE}/resources/{{resource}}": Row(VENUE_MANAGERS, {"position": 1}),
    f"GET {_PRIVATE}/opening-hours": Row(PRIVATE_VENUE),
    f"PUT {_VENUE}/opening-hours": Row(VENUE_MANAGERS, {"openings": [_HOURS]}),
    f"GET {_PRIVATE}/special-hours": Row(PRIVATE_VENUE),
    f"PUT {_VENUE}/special-hours": Row(VENUE_MANAGERS, {"special_hours": []}),
    f"POST {_VENUE}/special-hours": Row(
        VENUE_MANAGERS, _DAYS | {"opens_at": "09:00", "closes_at": "12:00"}
    ),
    f"GET {_VENUE}/special-hours/{{special_hours}}": Row(ANYONE),
    f"DELETE {_VENUE}/special-hours/{{special_hours}}": Row(VENUE_MANAGERS),
    f"GET {_PRIVATE}/closures": Row(PRIVATE_VENUE),
    f"POST {_VENUE}/closures": Row(VENUE_MANAGERS, _DAYS),
    f"GET {_VENUE}/closures/{{closure}}": Row(ANYONE),
    f"PATCH {_VENUE}/closures/{{closure}}": Row(VENUE_MANAGERS, {"reason": "Snow"}),
    f"DELETE {_VENUE}/closures/{{closure}}": Row(VENUE_MANAGERS),
    f"GET {_PRIVATE}/slots?date=2030-01-01": Row(PRIVATE_VENUE),
    f"POST {_VENUE}/slots": Row(
        VENUE_STAFF, {"resource_id": "$resource", "start_time": "$start", "end_time": "$end"}
    ),
    f"GET {_PRIVATE}/slots/{{private_slot}}": Row(PRIVATE_VENUE),
    f"PATCH {_VENUE}/slots/{{slot}}": Row(VENUE_STAFF, {"capacity": 5000}),
    f"GET {_PRIVATE}/calendar?from=2030-01-01&to=2030-01-02": Row(PRIVATE_VENUE),
    "GET /slots/next?venue_id={private_venue}": Row(PRIVATE_VENUE),
    f"GET {_VENUE}/conflicts": Row(VENUE_STAFF_BY_NAME),
    f"GET {_VENUE}/bookings": Row(VENUE_STAFF_BY_NAME),
    "POST /holds": Row(VENUE_STAFF | {"anonymous": None}, _TAKE),
    "GET /bookings": Row(ACCOUNTS),
    "POST /bookings": Row(VENUE_STAFF | {"anonymous": None}, _TAKE),
    f"GET {_BOOKING}": Row(BOOKING),
    f"PATCH {_BOOKING}": Row(BOOKING, {"guest_count": 3}),
    f"POST {_BOOKING}/reschedule": Row(BOOKING, {"slot_id": "$next_slot"}),
    "POST /bookings/{hold}/confirm": Row(BOOKING),
    f"POST {_BOOKING}/cancel": Row(BOOKING),
    f"POST {_BOOKING}/approve": Row(BOOKING_STAFF),
    f"POST {_BOOKING}/decline": Row(BOOKING_STAFF),
    "POST /bookings/{confirmed}/check-in": Row(BOOKING_STAFF),
    "POST /bookings/{arrived}/undo-check-in": Row(BOOKING_STAFF),
    "POST /bookings/{confirmed}/no-show": Row(BOOKING_STAFF),
    "POST /bookings/{arrived}/complete": Row(BOOKING_STAFF),
    "GET /devices": Row(ACCOUNTS),
    "POST /devices": Row(ACCOUNTS, {"token": "device-$unique", "platform": "IOS"}),
    "GET /devices/{device}": Row(OWN),
    "DELETE /devices/{device}": Row(OWN),
    "GET /notification-preferences": Row(ACCOUNTS),
    "PATCH /notification-preferences": Row(ACCOUNTS, _WISHES_BODY),
}

# Routes of WebSockets, by their pattern; each needs a way to try it in the test.
SOCKETS: dict[str, Rule] = {
    "^graphql$": ANYONE,
    # A close code tells no difference between a token that was refused and a person.
    "^ws/venues/(?P<venue_id>[^/]+)/$": VENUE_STAFF_BY_NAME | {"suspended": "FORBIDDEN"},
    # There is no other.
    "": _rule("NOT_FOUND", suspended="NOT_FOUND"),
}
