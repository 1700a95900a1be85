from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import CharField, F, Func, Value


class Migration(migrations.Migration):
    # Bookings go on meanwhile.
    atomic = False

    dependencies = [
        ("bookings", "0007_publication_by_what"),
    ]

    operations = [
        AddIndexConcurrently(
            "guest",
            models.Index(
                F("organization"),
                Func(
                    Func(
                        F("phone"),
                        Value("[^0-9]"),
                        Value(""),
                        Value("g"),
                        function="regexp_replace",
                    ),
                    Value("0"),
                    function="ltrim",
                    output_field=CharField(),
                ),
                name="guest_by_phone_number",
            ),
        ),
    ]
