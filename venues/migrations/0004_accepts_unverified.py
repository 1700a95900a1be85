from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("venues", "0003_search"),
    ]

    operations = [
        migrations.AddField(
            model_name="venue",
            name="accepts_unverified",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Accounts whose e-mail address is not verified may book.",
            ),
        ),
    ]
