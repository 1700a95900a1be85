"""OpenAPI 3.1 of the REST API, for drf-spectacular."""
