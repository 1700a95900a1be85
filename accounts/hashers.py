from django.contrib.auth.hashers import Argon2PasswordHasher


class SingleLaneArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2id with Django's time and memory, on one processor.

    Django's eight lanes are threads of the library: one login would take every
    processor of the machine from the bookings. RFC 9106 leaves lanes to the machine;
    what an attacker pays follows from memory and passes, which stay.
    """

    parallelism = 1
