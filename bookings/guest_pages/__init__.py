"""The public booking page of a venue, alone or in a frame of the venue's own site."""
