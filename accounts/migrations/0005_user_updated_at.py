"""When an account last changed, whoever changes it: a trigger sees to it.

Two changes are a second apart at least, since HTTP tells no shorter times from each other.
"""

from django.db import migrations, models
from django.db.models.functions import Now

TOUCH = """
CREATE FUNCTION accounts_touch_user() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := greatest(statement_timestamp(), OLD.updated_at + interval '1 second');
    RETURN NEW;
END
$$;

CREATE TRIGGER accounts_user_is_touched
BEFORE UPDATE ON accounts_user FOR EACH ROW EXECUTE FUNCTION accounts_touch_user();
"""

LEAVE = """
DROP TRIGGER accounts_user_is_touched ON accounts_user;
DROP FUNCTION accounts_touch_user();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_sessions_and_nameless_log")]

    operations = [
        migrations.AddField(
            "user",
            "updated_at",
            models.DateTimeField(
                db_default=Now(),
                editable=False,
                help_text="When the row last changed; a trigger of the database sees to it.",
            ),
        ),
        migrations.RunSQL(TOUCH, LEAVE),
    ]
