from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("outbox", "0002_facts_are_final")]

    operations = [
        AddIndexConcurrently(
            model_name="event",
            index=models.Index(
                fields=["id"],
                condition=models.Q(("dead_at__isnull", False), ("delivered_at", None)),
                name="event_dead",
            ),
        ),
    ]
