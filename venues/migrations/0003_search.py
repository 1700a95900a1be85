"""Indexes for the search of venues, and the functions by which text becomes words.

PostgreSQL's extensions for this are not everywhere; these functions need none.
"""

from django.db import migrations, models

# Letters without an accent that comes off, as people write them who have no such key.
# Then words: whatever is between spaces and punctuation of any script's usual kind.
FUNCTIONS = r"""
CREATE FUNCTION venue_words(place text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT coalesce(array_agg(left(word, 64) ORDER BY position), '{}')
    FROM regexp_split_to_table(
        replace(replace(replace(
            translate(
                lower(regexp_replace(normalize(place, NFKD), '[\u0300-\u036f]+', '', 'g')),
                'øłđðħıŀŧ', 'olddhilt'
            ),
            'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4'
        '\u00b6-\u00b8\u00bb-\u00bf\u2000-\u206f\u3000-\u3004\u3008-\u3020]+'
    ) WITH ORDINALITY AS words(word, position)
    WHERE word <> ''
);

CREATE FUNCTION venue_document(
    name text, street text, postal_code text, city text, region text, country text
) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_to_tsvector(
    venue_words(
        name || ' ' || street || ' ' || postal_code || ' ' || city || ' ' || region || ' '
        || country
    )
);

CREATE FUNCTION venue_query(asked text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT (string_agg(quote_literal(word), ' & ' ORDER BY position) || ':*')::tsquery
    FROM unnest(venue_words(asked)) WITH ORDINALITY AS words(word, position)
);
"""

NO_FUNCTIONS = """
DROP FUNCTION venue_query(text);
DROP FUNCTION venue_document(text, text, text, text, text, text);
DROP FUNCTION venue_words(text);
"""

INDEXES = """
CREATE INDEX venue_by_words ON venues_venue USING gin (
    venue_document(name, street, postal_code, city, region, country)
);
CREATE INDEX venue_by_city ON venues_venue (venue_words(city));
"""

NO_INDEXES = "DROP INDEX venue_by_words; DROP INDEX venue_by_city;"


class Migration(migrations.Migration):
    dependencies = [("venues", "0002_schedules")]

    operations = [
        migrations.RunSQL([FUNCTIONS], [NO_FUNCTIONS]),
        migrations.RunSQL(INDEXES, NO_INDEXES),
        migrations.AddIndex(
            model_name="venue",
            index=models.Index(
                fields=["name", "id"], include=("is_public", "organization"), name="venue_by_name"
            ),
        ),
        migrations.AddIndex(
            model_name="venue",
            index=models.Index(
                condition=models.Q(("latitude__isnull", False)),
                fields=["latitude", "longitude"],
                name="venue_by_position",
            ),
        ),
    ]
