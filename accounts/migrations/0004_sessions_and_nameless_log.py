from django.db import migrations, models

# What the admin wrote down of accounts and roles before it left names out. Its log is
# short: it has what people did in forms.
FORGET_NAMES = """
UPDATE django_admin_log l SET object_repr = ''
FROM django_content_type t
WHERE t.id = l.content_type_id AND t.app_label = 'accounts'
  AND t.model IN ('user', 'membership', 'invitation')
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_logins_and_revocations"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="session_generation",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="Grows when all sessions of browsers end; part of what each session is"
                " held to.",
            ),
        ),
        migrations.RunSQL(FORGET_NAMES, migrations.RunSQL.noop),
    ]
