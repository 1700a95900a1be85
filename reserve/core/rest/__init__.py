"""What every REST endpoint shares: strict JSON in, problems out."""
