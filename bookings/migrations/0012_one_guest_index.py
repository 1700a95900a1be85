import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """The index with the venue begins with the guest."""

    dependencies = [("bookings", "0011_guests_of_venues")]

    operations = [
        migrations.AlterField(
            model_name="booking",
            name="guest",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="bookings",
                to="bookings.guest",
            ),
        ),
    ]
