"""The REST views and serializers of venues, by noun."""
