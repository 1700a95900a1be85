from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from graphql import print_schema

from reserve.api_docs import openapi_document
from reserve.schema import schema


class Command(BaseCommand):
    help = "Write schema.graphql and openapi.yaml, or check that they are up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing, fail on a change.")

    def handle(self, *_args: Any, check: bool, **_options: Any) -> None:
        for path, text in _schemas():
            if check and (not path.exists() or path.read_text() != text):
                raise CommandError(f"{path.name} is out of date. Run manage.py export_schemas.")
            if not check:
                path.write_text(text)


def _schemas() -> Iterator[tuple[Path, str]]:
    base = Path(settings.BASE_DIR)
    yield base / "schema.graphql", print_schema(schema.graphql_schema) + "\n"
    document = yaml.safe_dump(openapi_document(), sort_keys=False, allow_unicode=True)
    yield base / "openapi.yaml", document
