"""`make contract-fuzz CASES=50000`, or `python -m tests.contract_fuzz --help`.

Works on a database of its own: on the server of DATABASE_URL, or else on an
embedded one under `var/fuzz`.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path

from tests.own_database import own_database

DATABASE = "reserve_contract_fuzz"
# Cases are to meet the operations behind the limits.
_UNLIMITED = ("RATE_LIMIT_MAX_REQUESTS", "AUTH_RATE_LIMIT_ACCOUNT", "AUTH_RATE_LIMIT_ADDRESS")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.contract_fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=50_000, help="of each API")
    parser.add_argument("--api", choices=("rest", "graphql", "both"), default="both")
    parser.add_argument("--seed", default="", help="of the cases; drawn where it is empty")
    parser.add_argument("--root", type=Path, default=None, help="of the embedded servers")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    for name in _UNLIMITED:
        os.environ.setdefault(name, "1000000")
    root = arguments.root or Path(__file__).parent.parent.parent / "var" / "fuzz"
    with own_database(DATABASE, root):
        return _fuzz(arguments)


def _fuzz(arguments: argparse.Namespace) -> int:
    # After django.setup: these import models.
    from django.core.management import call_command

    from tests.contract_fuzz.engine import Api, Report, run
    from tests.contract_fuzz.graphql import GraphQL
    from tests.contract_fuzz.rest import Rest
    from tests.processes import web_process

    call_command("migrate", verbosity=0)
    seed = arguments.seed or secrets.token_hex(4)
    print(f"Seed {seed}", flush=True)

    def show_progress(report: Report) -> None:
        print(report.summary, flush=True)

    apis: dict[str, Api] = {"rest": Rest(), "graphql": GraphQL()}
    found = 0
    with web_process() as server:
        for name, api in apis.items():
            if arguments.api in {name, "both"}:
                report = run(api, server, cases=arguments.cases, seed=seed, on_round=show_progress)
                print(f"{name}: {report}", flush=True)
                found += len(report.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
