from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    # Indexes on live tables.
    atomic = False

    dependencies = [("bookings", "0008_guests_by_phone_number")]

    operations = [
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(
                fields=["organization", "starts_at"], name="booking_by_tenant_and_time"
            ),
        ),
        AddIndexConcurrently(
            model_name="slot",
            index=models.Index(
                fields=["organization", "starts_at"], name="slot_by_tenant_and_time"
            ),
        ),
    ]
