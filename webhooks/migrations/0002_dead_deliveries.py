from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Messages go out meanwhile.
    atomic = False

    dependencies = [
        ("webhooks", "0001_webhooks"),
    ]

    operations = [
        AddIndexConcurrently(
            "webhookdelivery",
            models.Index(
                fields=["organization", "id"],
                condition=models.Q(("state", "DEAD")),
                name="webhook_delivery_dead",
            ),
        ),
    ]
