"""The grammar of the house: ids, clock, errors, limits. Knows no app."""
