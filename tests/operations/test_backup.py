"""A dump of the database, restored elsewhere, is the same database."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from accounts.actors import ANONYMOUS
from bookings.guests import GuestDetails
from bookings.models import Booking
from bookings.services.bookings import create_booking, create_hold
from reserve.embedded.binaries import postgres_directory
from tests.factories import make_consecutive_slots, make_resource, seats_on
from tests.processes import PROJECT, environment

pytestmark = pytest.mark.django_db(transaction=True)

RESTORED = "reserve_restored"


def _run(program: str, *arguments: str) -> None:
    binaries = postgres_directory()
    assert binaries is not None
    subprocess.run([binaries / program, *arguments], check=True, timeout=60)


def test_a_backup_is_restored_and_its_ledger_agrees(tmp_path: Path) -> None:
    slots = make_consecutive_slots(make_resource(capacity=20), 3)
    guest = GuestDetails(name="Ada", email="ada@example.org")
    for slot in slots:
        create_booking(actor=ANONYMOUS, seats=seats_on(slot, 3, guest=guest))
        create_hold(actor=ANONYMOUS, seats=seats_on(slot, 2, guest=guest))
    server = os.environ["DATABASE_URL"]
    source = make_conninfo(server, dbname=connection.settings_dict["NAME"])
    target = make_conninfo(server, dbname=RESTORED)
    dump = tmp_path / "reserve.dump"

    _run("pg_dump", "--format=custom", "--no-owner", f"--file={dump}", source)
    # Whatever comes after the backup is not in it.
    create_booking(actor=ANONYMOUS, seats=seats_on(slots[0], 1, guest=guest))
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {RESTORED} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {RESTORED}")
        try:
            _run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={target}", str(dump))
            with psycopg.connect(target) as restored:
                row = restored.execute("SELECT count(*) FROM bookings_booking").fetchone()
            assert row == (6,)
            assert Booking.objects.count() == 7
            found = subprocess.run(
                [sys.executable, "manage.py", "verify_ledger"],
                cwd=PROJECT,
                env=environment() | {"DATABASE_URL": target},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert found.returncode == 0, found.stdout + found.stderr
            # And it is a check that can fail.
            with psycopg.connect(target, autocommit=True) as restored:
                restored.execute("UPDATE bookings_slot SET reserved = reserved + 1")
            broken = subprocess.run(
                [sys.executable, "manage.py", "verify_ledger"],
                cwd=PROJECT,
                env=environment() | {"DATABASE_URL": target},
                capture_output=True,
                timeout=60,
                check=False,
            )
            assert broken.returncode == 1
        finally:
            admin.execute(f"DROP DATABASE IF EXISTS {RESTORED} WITH (FORCE)")
