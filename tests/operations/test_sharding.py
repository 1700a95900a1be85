"""The schema stays fit for shards by organization, as docs/scaling.md tells."""

from collections import defaultdict

import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db

# Tables of no organization: people and what is theirs alone, and what concerns all.
OF_NOBODY = {
    *("accounts_user", "accounts_organization", "accounts_login"),
    *("notifications_device", "notifications_preference", "notifications_quiethours"),
    # Of a caller, who may book with several organizations.
    "bookings_idempotencykey",
    # Of the whole database, or of the servers that messages go to.
    *("bookings_ledgercheck", "notifications_lane"),
}
CODES = {"confirmation_code"}

_UNIQUE = """
SELECT c.relname, i.relname,
  array_agg(a.attname::text ORDER BY k.position),
  array_agg(format_type(a.atttypid, NULL) ORDER BY k.position)
FROM pg_index x
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_class i ON i.oid = x.indexrelid
CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(number, position)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
WHERE x.indisunique AND c.relname = ANY(%s)
GROUP BY c.relname, i.relname
"""
_COLUMNS = """
SELECT table_name, is_nullable FROM information_schema.columns
WHERE column_name = 'organization_id' AND table_schema = 'public' AND table_name = ANY(%s)
"""


def _tables() -> set[str]:
    ours = {"accounts", "venues", "bookings", "notifications", "outbox"}
    return {model._meta.db_table for model in apps.get_models() if model._meta.app_label in ours}


def test_every_tenant_table_names_its_organization() -> None:
    assert _tables() >= OF_NOBODY, "a table that is no more is still excepted"
    tenants = _tables() - OF_NOBODY
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [sorted(_tables())])
        found = dict(cursor.fetchall())
    assert sorted(tenants - found.keys()) == []
    assert {found[table] for table in tenants} == {"NO"}, "an organization may be missing"
    assert sorted(OF_NOBODY & found.keys()) == [], "excepted without need"


def test_unique_keys_begin_with_the_organization_or_are_ids_and_codes() -> None:
    tenants = sorted(_tables() - OF_NOBODY)
    with connection.cursor() as cursor:
        cursor.execute(_UNIQUE, [tenants])
        keys = cursor.fetchall()
    by_table: defaultdict[str, int] = defaultdict(int)
    for table, index, columns, types in keys:
        by_table[table] += 1
        # An id is of one organization's row, and so is whatever begins with it.
        is_of_ids = types[0] == "uuid" and columns != ["organization_id"]
        is_code = len(columns) == 1 and columns[0] in CODES
        assert columns[0] == "organization_id" or is_of_ids or is_code, (table, index, columns)
    assert sorted(by_table) == tenants
