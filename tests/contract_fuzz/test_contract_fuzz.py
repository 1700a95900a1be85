"""Schemathesis over both schemas, as a customer, a manager and nobody, against a web process."""

import pytest

from tests.contract_fuzz.engine import Api, run
from tests.contract_fuzz.graphql import GraphQL
from tests.contract_fuzz.rest import Rest

pytestmark = [pytest.mark.long, pytest.mark.django_db(transaction=True)]

CASES = 5_000


@pytest.mark.parametrize("api", [Rest(), GraphQL()], ids=["rest", "graphql"])
def test_no_answer_is_one_that_the_schema_does_not_declare(server: str, api: Api) -> None:
    report = run(api, server, cases=CASES, seed="0")
    assert report.cases >= CASES
    assert not report.findings, str(report)
