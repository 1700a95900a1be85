from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("venues", "0005_reminders")]

    operations = [
        migrations.AddField(
            "venue",
            "updated_at",
            models.DateTimeField(
                db_default=Now(),
                editable=False,
                help_text="When it, what can be booked there, its hours or its closures last"
                " changed.",
            ),
        ),
    ]
