from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webhooks.services.upkeep import reseal_secrets


class Command(BaseCommand):
    help = (
        "Encrypt the secrets of webhooks under the first of ENCRYPTION_KEYS, after which the "
        "others are needed no more. Exits 1 where a secret cannot be read."
    )

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        done = reseal_secrets()
        self.stdout.write(f"{done.resealed} secrets encrypted anew.")
        if done.unreadable:
            raise CommandError(
                f"{done.unreadable} cannot be read: their key is not in ENCRYPTION_KEYS."
            )
