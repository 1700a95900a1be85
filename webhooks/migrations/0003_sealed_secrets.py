"""Secrets are encrypted where they are kept: in the same columns, which become longer."""

from typing import Any

from django.db import migrations, models

from reserve.core.sealing import seal, unseal

_BATCH = 500


def _seal_all(apps: Any, _editor: Any) -> None:
    _rewrite(apps, seal, is_sealed=False)


def _unseal_all(apps: Any, _editor: Any) -> None:
    _rewrite(apps, unseal, is_sealed=True)


def _rewrite(apps: Any, act: Any, *, is_sealed: bool) -> None:
    """Batch by batch, each committed by itself; what is done already is passed over."""
    webhooks = apps.get_model("webhooks", "Webhook").objects
    for column in ("sealed_secret", "sealed_previous_secret"):
        sealed = models.Q(**{f"{column}__startswith": "sealed:"})
        waiting = webhooks.exclude(**{column: ""}).filter(sealed if is_sealed else ~sealed)
        while batch := list(waiting.values_list("pk", column)[:_BATCH]):
            for pk, text in batch:
                # One that was changed meanwhile is found again.
                webhooks.filter(pk=pk, **{column: text}).update(**{column: act(text)})


class Migration(migrations.Migration):
    atomic = False
    is_safe_because = (
        "a varchar becomes a text without a rewrite, and the columns keep their names; "
        "no release has had webhooks yet"
    )

    dependencies = [
        ("webhooks", "0002_dead_deliveries"),
    ]

    operations = [
        migrations.AlterField(
            "webhook", "secret", models.TextField(db_column="secret", editable=False)
        ),
        migrations.RenameField("webhook", "secret", "sealed_secret"),
        migrations.AlterField(
            "webhook",
            "previous_secret",
            models.TextField(blank=True, db_column="previous_secret", editable=False),
        ),
        migrations.RenameField("webhook", "previous_secret", "sealed_previous_secret"),
        migrations.RunPython(_seal_all, _unseal_all, atomic=False),
    ]
