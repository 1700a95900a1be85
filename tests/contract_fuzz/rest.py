"""Cases of `openapi.yaml`: what its inputs allow and what they refuse."""

import copy
import re
from typing import Any

import schemathesis
from schemathesis import APIOperation, Case, Response
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract_fuzz.engine import Outcome, Target
from tests.contract_fuzz.world import ABSENT, World
from tests.openapi import document

# What says which strings there are, where only some are tried.
_REPLACED = frozenset({"pattern", "format", "examples", "minLength", "maxLength"})
_ID_PATTERN = re.compile(r"\^(\w+)_\[")
_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
_HASHES = frozenset(
    {"change_password", "log_in", "register", "reset_password", "request_email_change", "delete_me"}
)
_ENDS_LOGINS = frozenset({"log_out_everywhere", "remove_member", "update_member", "revoke_login"})


class Rest:
    chunk = 11
    path = ""

    def targets(self, world: World) -> list[Target]:
        # Valid texts that are not tried are no invalid ones; of ids, those are absent.
        found = zip(_operations(world), _operations(World(ids=world.ids)), strict=True)
        targets = []
        for valid, invalid in found:
            name = valid.definition.raw["operationId"]
            is_destructive = name in _ENDS_LOGINS or valid.method == "delete"
            targets.append(Target(valid, invalid, name in _HASHES, is_destructive))
        return targets

    def judge(self, case: Case, response: Response) -> Outcome:
        problems = {}
        try:
            case.validate_response(response, checks=_checks_of(case))
        except FailureGroup as group:
            for failure in group.exceptions:
                assert isinstance(failure, Failure)
                kind = f"{response.status_code} {failure.title}"
                problems[kind] = (
                    f"{failure.message}\n{response.text[:400]}\n{case.as_curl_command()}"
                )
        return Outcome(str(response.status_code), response.status_code < 300, problems)


def _checks_of(case: Case) -> list[Any]:
    query: Any = case.query or {}
    # A parameter without values goes over the wire as nothing: the server never sees it.
    if any(value in ([], {}) for value in query.values()):
        return [check for check in _CHECKS if check is not negative_data_rejection]
    return _CHECKS


def _operations(world: World) -> list[APIOperation]:
    raw = _narrowed(document(), world)
    schema = schemathesis.openapi.from_dict(raw, config=SchemathesisConfig())
    return [result.ok() for result in schema.get_all_operations()]


def _narrowed(raw: dict[str, Any], world: World) -> dict[str, Any]:
    """The document with inputs that lead somewhere: ids that exist, days with slots, addresses.

    What it allows beside them is still tried: the negative cases break these as well.
    """

    result: dict[str, Any] = copy.deepcopy(raw)
    for path in result["paths"].values():
        for operation in path.values():
            for name in ("parameters", "requestBody"):
                if name in operation:
                    operation[name] = _narrow(operation[name], world)
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        if name.endswith("Request"):
            schemas[name] = _narrow(schema, world)
    return result


def _narrow(part: Any, world: World, name: str = "") -> Any:
    if isinstance(part, list):
        return [_narrow(each, world) for each in part]
    if not isinstance(part, dict):
        return part
    if "string" in part.get("type", ()) and (values := _values(part, name, world)):
        rest = {key: value for key, value in part.items() if key not in _REPLACED}
        return rest | {"enum": [*values, *([None] if isinstance(part["type"], list) else [])]}
    return {key: _narrow(value, world, key) for key, value in part.items()}


def _values(schema: dict[str, Any], name: str, world: World) -> list[str]:
    if match := _ID_PATTERN.match(schema.get("pattern", "")):
        return [*world.ids.get(match[1], ()), f"{match[1]}_{ABSENT}"]
    by_format = {"date": world.days, "date-time": world.times}
    return by_format.get(schema.get("format", ""), []) or world.texts.get(name, [])
