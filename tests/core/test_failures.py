"""What a client is told of an exception that nobody meant it to see."""

import pytest
from django.db import IntegrityError, InterfaceError, OperationalError

from bookings.errors import SlotClosed
from reserve.core.failures import as_domain_error


def test_a_refusal_is_told_as_it_is() -> None:
    refusal = SlotClosed()
    assert as_domain_error(refusal) is refusal


@pytest.mark.parametrize("error", [OperationalError("10.0.0.7 refused"), InterfaceError("gone")])
def test_a_database_out_of_reach_is_unavailable_for_now(error: Exception) -> None:
    told = as_domain_error(error)
    assert (told.code, told.status) == ("SERVICE_UNAVAILABLE", 503)
    assert told.retry_after is not None
    assert "10.0.0.7" not in told.text


@pytest.mark.parametrize(
    "error", [IntegrityError("Key (email)=(someone@example.com)"), KeyError("secret")]
)
def test_of_anything_else_only_that_it_is_our_fault(error: Exception) -> None:
    told = as_domain_error(error)
    assert (told.code, told.status, told.details) == ("INTERNAL_SERVER_ERROR", 500, {})
    assert "secret" not in told.text
    assert "someone" not in told.text
