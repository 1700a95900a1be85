"""Of what is recorded, a reason alone can be blanked: people are erased, their events stay."""

from django.db import migrations

ALLOW_BLANK_REASON = """
CREATE OR REPLACE FUNCTION outbox_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.payload ? 'reason'
        AND NEW.payload = jsonb_set(OLD.payload, '{reason}', '""')
        AND (NEW.id, NEW.organization_id, NEW.name, NEW.subject_id, NEW.sequence,
             NEW.request_id, NEW.recorded_at)
          = (OLD.id, OLD.organization_id, OLD.name, OLD.subject_id, OLD.sequence,
             OLD.request_id, OLD.recorded_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The event log is append-only.' USING ERRCODE = 'restrict_violation';
END
$$;
"""

REFUSE_ALL = """
CREATE OR REPLACE FUNCTION outbox_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The event log is append-only.' USING ERRCODE = 'restrict_violation';
END
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0003_dead_events")]

    operations = [migrations.RunSQL(ALLOW_BLANK_REASON, REFUSE_ALL)]
