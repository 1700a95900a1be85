"""`make fuzz OPS=1000000`, or `python -m tests.fuzz --help`.

Works on a database of its own: on the server of DATABASE_URL, or else on an
embedded one under `var/fuzz`.
"""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.own_database import own_database

DATABASE = "reserve_fuzz"
_PROGRESS = 10_000


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--ops", type=int, default=20_000, help="operations")
    parser.add_argument("--seed", default="", help="of the operations; drawn where it is empty")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--round", type=int, default=2_500, help="operations in one small world")
    parser.add_argument("--defect", default=None, help="plant this one; see tests/fuzz/defects.py")
    parser.add_argument("--guards", choices=("mixed", "on", "off"), default="mixed")
    parser.add_argument("--kill-redis", action="store_true", help="kill -9 in the first round")
    parser.add_argument("--root", type=Path, default=None, help="of the embedded servers")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    root = arguments.root or Path(__file__).parent.parent.parent / "var" / "fuzz"
    with own_database(DATABASE, root):
        return _fuzz(arguments)


def _fuzz(arguments: argparse.Namespace) -> int:
    # After django.setup: these import models.
    from django.core.management import call_command, get_commands

    from tests.fuzz.crew import Report, crew
    from tests.fuzz.servers import redis_to_kill

    call_command("migrate", verbosity=0)
    seed = arguments.seed or secrets.token_hex(4)
    guards = {"mixed": lambda number: number % 2 == 0, "on": lambda _: True, "off": lambda _: False}
    print(f"Seed {seed}", flush=True)
    next_progress = _PROGRESS

    def show_progress(report: Report) -> None:
        nonlocal next_progress
        if report.operations >= next_progress:
            print(report.progress, flush=True)
            next_progress += _PROGRESS

    with tempfile.TemporaryDirectory(prefix="fuzz-") as directory, redis_to_kill() as redis:
        environment = {"REDIS_URL": redis.url} if arguments.kill_redis else {}
        with crew(Path(directory), environment, processes=arguments.processes) as workers:
            report = workers.run(
                seed=seed,
                operations=arguments.ops,
                round_size=arguments.round,
                defect=arguments.defect,
                has_guards=guards[arguments.guards],
                on_halfway=redis.kill,
                on_round=show_progress,
            )
    print(report, flush=True)
    if "verify_ledger" in get_commands() and not arguments.defect:
        call_command("verify_ledger")
    if report.findings:
        kept = ("processes", "round", "guards")
        options = " ".join(f"--{name} {getattr(arguments, name)}" for name in kept)
        print(f'The same again: make fuzz OPS={arguments.ops} ARGS="--seed {seed} {options}"')
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
