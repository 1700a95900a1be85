"""People, organizations and roles."""
