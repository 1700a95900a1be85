import django.db.models.deletion
from django.db import migrations, models


def _organization() -> "models.ForeignKey":
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="accounts.organization",
    )


class Migration(migrations.Migration):
    """The index of each begins with the organization now."""

    dependencies = [("bookings", "0009_lists_of_tenants")]

    operations = [
        migrations.AlterField(model_name="booking", name="organization", field=_organization()),
        migrations.AlterField(model_name="slot", name="organization", field=_organization()),
    ]
