from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reserve.demo import banner


class Command(BaseCommand):
    help = (
        "Print the addresses, the demo's logins and a GraphQL document to try. Not in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=settings.PORT, help="where it is served")

    def handle(self, *_arguments: Any, port: int, **_options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("This tells passwords that everybody knows. Not in production.")
        self.stdout.write(banner(port), ending="")
