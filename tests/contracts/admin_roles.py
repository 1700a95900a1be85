"""Who gets which page of the admin: what each of the nine callers of `roles` is answered."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.contracts.roles import AT_THE_VENUE, CALLERS

# Browsers' sessions. Whoever is not staff, or suspended, is led to the login.
_OUTSIDE = ("anonymous", "customer", "other", "suspended")
_INSIDE = tuple(caller for caller in CALLERS if caller not in _OUTSIDE)


@dataclass(frozen=True)
class Model:
    """Which of those inside may list rows, add them, delete them; and who sees this row.

    The row is of the venue's organization. A row out of reach leads back to the start.
    """

    lists: tuple[str, ...]
    sees: tuple[str, ...]
    adds: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()

    def pages(self) -> dict[str, Mapping[str, int]]:
        def statuses(permitted: tuple[str, ...]) -> dict[str, int]:
            reached = {caller: 200 if caller in self.sees else 302 for caller in permitted}
            return _statuses(403) | reached

        return {
            "changelist": _statuses(403) | dict.fromkeys(self.lists, 200),
            "add": _statuses(403) | dict.fromkeys(self.adds, 200),
            "change": statuses(self.lists),
            # It looks for the row before it asks who is there.
            "history": _statuses(302) | dict.fromkeys(self.sees, 200),
            "delete": statuses(self.deletes),
        }


def _statuses(usual: int) -> dict[str, int]:
    return dict.fromkeys(CALLERS, usual) | dict.fromkeys(_OUTSIDE, 302)


_MANAGES = ("manager", "administrator")
_MANAGES_SOMETHING = (*_MANAGES, "foreign")
_VENUE_PAGES = Model(_INSIDE, AT_THE_VENUE, adds=_MANAGES_SOMETHING)
_ADMINISTRATORS_ONLY = Model(("administrator",), ("administrator",))

ADMIN_MODELS: dict[str, Model] = {
    "accounts.user": Model(("administrator",), ("administrator",), ("administrator",)),
    "accounts.organization": Model(_INSIDE, (*AT_THE_VENUE, "elsewhere"), ("administrator",)),
    "accounts.membership": Model(
        _MANAGES_SOMETHING, _MANAGES, ("administrator",), ("administrator",)
    ),
    "accounts.invitation": Model(_MANAGES_SOMETHING, _MANAGES),
    "venues.venue": _VENUE_PAGES,
    "venues.resource": _VENUE_PAGES,
    "venues.closure": Model(
        _INSIDE, AT_THE_VENUE, adds=_MANAGES_SOMETHING, deletes=_MANAGES_SOMETHING
    ),
    "bookings.slot": Model(_INSIDE, AT_THE_VENUE, adds=_INSIDE),
    "bookings.booking": Model(_INSIDE, AT_THE_VENUE, adds=_INSIDE),
    "bookings.guest": Model(_INSIDE, AT_THE_VENUE),
    "bookings.ledgercheck": _ADMINISTRATORS_ONLY,
    "webhooks.webhook": Model(
        _MANAGES_SOMETHING, _MANAGES, adds=_MANAGES_SOMETHING, deletes=_MANAGES_SOMETHING
    ),
    "webhooks.webhookdelivery": Model(_MANAGES_SOMETHING, _MANAGES),
    # For owners: `foreign` is one, of another organization.
    "notifications.delivery": Model(_INSIDE, AT_THE_VENUE),
    "notifications.wording": Model(
        _INSIDE,
        (*AT_THE_VENUE, "elsewhere"),
        adds=_MANAGES_SOMETHING,
        deletes=_MANAGES_SOMETHING,
    ),
    "outbox.event": Model(("administrator", "foreign"), ("administrator",)),
}

_STAFF_PAGE = _statuses(200)
_EVERYBODY = dict.fromkeys(CALLERS, 200)
_ADMINISTRATORS_PAGE = _statuses(403) | {"administrator": 200}

# Other pages of the admin, by their names.
ADMIN_PAGES: dict[str, Mapping[str, int]] = {
    "index": _STAFF_PAGE,
    # Whoever is inside needs no login, and is led on.
    "login": _EVERYBODY | dict.fromkeys(_INSIDE, 302),
    "logout": dict.fromkeys(CALLERS, 405) | dict.fromkeys(_OUTSIDE, 302),
    "password_change": _STAFF_PAGE,
    "password_change_done": _STAFF_PAGE,
    "jsi18n": _STAFF_PAGE,
    # Without a field to choose for there is nothing to answer.
    "autocomplete": _statuses(403),
    "view_on_site": _statuses(404),
    "app_list": _STAFF_PAGE,
    "second_factor": _STAFF_PAGE,
    "second_factor_set_up": _STAFF_PAGE,
    # There is no second factor yet: led to the page that says so.
    "second_factor_codes": _statuses(302),
    "second_factor_off": _statuses(302),
    # No login waits for a code.
    "second_factor_code": dict.fromkeys(CALLERS, 302),
    # Of the organization that the row is of.
    "notifications_wording_preview": _statuses(404)
    | dict.fromkeys((*AT_THE_VENUE, "elsewhere"), 200),
    "bookings_booking_export": _STAFF_PAGE,
    "bookings_booking_import": _statuses(403) | dict.fromkeys(_MANAGES_SOMETHING, 200),
    # Of the booking; whoever has none of that id is led to the start.
    "bookings_booking_move": _statuses(302) | dict.fromkeys(AT_THE_VENUE, 200),
    # Takes a form only.
    "bookings_booking_party": _statuses(302),
    # Of the venue that the row is of.
    "venues_venue_calendar": _statuses(403) | dict.fromkeys(AT_THE_VENUE, 200),
    "venues_venue_conflicts": _statuses(403) | dict.fromkeys(AT_THE_VENUE, 200),
    "accounts_user_second_factor": _statuses(403) | {"administrator": 302},
    "auth_user_password_change": _ADMINISTRATORS_PAGE,
}
