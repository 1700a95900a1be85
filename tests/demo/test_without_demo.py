"""Where there is no demo."""

from io import StringIO

import pytest
from django.core.management import call_command

from reserve.demo import banner, needs_demo
from tests.factories import make_venue

pytestmark = pytest.mark.django_db


def test_database_of_somebody_else_is_left_alone():
    make_venue()
    assert not needs_demo()
    out = StringIO()
    call_command("load_demo", if_empty=True, stdout=out)
    assert out.getvalue() == ""


def test_banner_tells_addresses_only():
    out = StringIO()
    call_command("demo_banner", port=4000, stdout=out)
    assert out.getvalue() == banner(4000)
    assert "http://localhost:4000/graphql" in out.getvalue()
    assert "login" not in out.getvalue().lower()
    assert "mutation" not in out.getvalue()
