import django.core.validators
from django.db import migrations, models

import venues.validators


class Migration(migrations.Migration):
    dependencies = [("venues", "0006_venue_updated_at")]
    is_safe_because = "Validators are Python's: no statement is sent."

    operations = [
        migrations.AlterField(
            model_name="venue",
            name="description",
            field=models.TextField(
                blank=True,
                validators=[
                    venues.validators.validate_text,
                    django.core.validators.MaxLengthValidator(
                        10_000, "This must have at most %(limit_value)s characters."
                    ),
                ],
            ),
        ),
    ]
