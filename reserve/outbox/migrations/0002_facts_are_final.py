"""The facts of an event never change, and no event goes away."""

from django.db import migrations

FORBID = """
CREATE FUNCTION outbox_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The event log is append-only.' USING ERRCODE = 'restrict_violation';
END
$$;

CREATE TRIGGER outbox_event_facts_are_final
BEFORE UPDATE OF id, organization_id, name, subject_id, sequence, payload, request_id, recorded_at
ON outbox_event FOR EACH ROW EXECUTE FUNCTION outbox_refuse_change();

CREATE TRIGGER outbox_event_stays
BEFORE DELETE ON outbox_event FOR EACH ROW EXECUTE FUNCTION outbox_refuse_change();
"""

ALLOW = """
DROP TRIGGER outbox_event_stays ON outbox_event;
DROP TRIGGER outbox_event_facts_are_final ON outbox_event;
DROP FUNCTION outbox_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("outbox", "0001_initial")]

    operations = [migrations.RunSQL(FORBID, ALLOW)]
