"""Places and the rules of their opening."""
