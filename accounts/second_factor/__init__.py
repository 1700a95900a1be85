"""The second factor of staff in the admin: codes of an authenticator app (TOTP, RFC 6238).

django-otp keeps the devices, checks codes and slows guessing down; this package
says who needs one, and has the pages (docs/adr/0011-second-factor.md).
"""
