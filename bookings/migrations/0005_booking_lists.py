from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Names and addresses by their words. Of a phone number its digits, with and without
# a country code, which has one to three of them.
FUNCTION = r"""
CREATE FUNCTION guest_document(name text, email text, phone text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(
    venue_words(name || ' ' || email) || ARRAY(
        SELECT substr(digits, start)
        FROM regexp_replace(phone, '[^0-9]', '', 'g') AS digits, generate_series(1, 4) AS start
        WHERE length(digits) >= start
    )
);
"""


class Migration(migrations.Migration):
    # Indexes on live tables.
    atomic = False

    dependencies = [("bookings", "0004_publication"), ("venues", "0003_search")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION guest_document(text, text, text);"),
        migrations.RunSQL(
            "CREATE INDEX CONCURRENTLY guest_by_words ON bookings_guest USING gin ("
            "guest_document(name, email, phone));",
            "DROP INDEX CONCURRENTLY guest_by_words;",
        ),
        AddIndexConcurrently(
            model_name="booking",
            index=models.Index(fields=["customer", "created_at", "id"], name="booking_of_customer"),
        ),
    ]
