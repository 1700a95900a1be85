"""ReserveAPI: the project package."""
