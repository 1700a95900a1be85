"""Who can log in to the demo. Everybody knows these passwords: for development only."""

from dataclasses import dataclass

from accounts.models import Role


@dataclass(frozen=True, slots=True)
class DemoLogin:
    """An account, and the work it has at an organization (a slug), if any."""

    email: str
    password: str
    name: str
    phone: str = ""
    locale: str = "en"
    organization: str = ""
    role: Role | None = None


DEMO_CUSTOMER = DemoLogin("user@example.com", "securepass", "Alex Example", "+1 212 555 0147")

CUSTOMERS = (
    DEMO_CUSTOMER,
    DemoLogin(
        "ingrid.solberg@example.org", "customerpass-123", "Ingrid Solberg", "+46 8 465 004 12", "nb"
    ),
    DemoLogin(
        "omar.haddad@example.net", "customerpass-123", "Omar Haddad", "+44 20 7946 0318", "ar"
    ),
    DemoLogin("naoko.fujita@example.com", "customerpass-123", "Naoko Fujita", "", "ja"),
)

STAFF = (
    DemoLogin(
        "owner@kestrel.example",
        "ownerpass-123",
        "Freja Lindqvist",
        organization="kestrel",
        role=Role.OWNER,
    ),
    DemoLogin(
        "manager@kestrel.example",
        "managerpass-123",
        "Rashid Karimi",
        organization="kestrel",
        role=Role.MANAGER,
    ),
    DemoLogin(
        "staff@kestrel.example",
        "staffpass-123",
        "Jonas Bech",
        organization="kestrel",
        role=Role.STAFF,
    ),
    DemoLogin(
        "owner@hudson.example",
        "ownerpass-123",
        "Eleanor Whitfield",
        organization="hudson",
        role=Role.OWNER,
    ),
    DemoLogin(
        "manager@hudson.example",
        "managerpass-123",
        "Marcus Boateng",
        organization="hudson",
        role=Role.MANAGER,
    ),
    DemoLogin(
        "staff@hudson.example",
        "staffpass-123",
        "Lucía Herrera",
        organization="hudson",
        role=Role.STAFF,
    ),
)

ADMINISTRATOR = DemoLogin("admin@example.com", "adminpass-123", "Robin Administrator")
