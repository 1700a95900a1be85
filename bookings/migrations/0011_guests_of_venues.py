from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # An index on a live table.
    atomic = False

    dependencies = [("bookings", "0010_fewer_tenant_indexes")]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(fields=["guest", "venue"], name="booking_by_guest_and_venue"),
        ),
    ]
