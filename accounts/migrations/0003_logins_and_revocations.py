import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_people_and_invitations"),
    ]

    operations = [
        migrations.AddField(
            model_name="login",
            name="device",
            field=models.CharField(
                blank=True, help_text="What the client called itself (User-Agent).", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="login",
            name="network",
            field=models.CharField(
                blank=True,
                help_text="The /24 or /48 that the client's address is in.",
                max_length=43,
            ),
        ),
        migrations.AddField(
            model_name="login",
            name="previous_jti",
            field=models.CharField(
                blank=True, help_text="The one that was used last.", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="login",
            name="refreshed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                help_text="When the present tokens were issued, by the database's clock.",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(
                condition=models.Q(("revoked_at__isnull", False)),
                fields=["revoked_at"],
                name="login_by_revocation",
            ),
        ),
        migrations.AddIndex(
            model_name="login",
            index=models.Index(fields=["expires_at"], name="login_by_expiry"),
        ),
    ]
