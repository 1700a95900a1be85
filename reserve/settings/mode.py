"""What all other settings ask for: where the project is, and how it runs."""

from pathlib import Path

from reserve import env
from reserve.core.logging import configure_logging

BASE_DIR = Path(__file__).resolve().parents[2]

# `development` has embedded servers and a token secret that everybody knows.
RESERVE_MODE = env.choice("RESERVE_MODE", "production", {"development", "production"})
PRODUCTION = RESERVE_MODE == "production"
DEBUG = env.boolean("DEBUG", False)

configure_logging(
    level=env.choice("LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"}),
    rendering=env.choice("LOG_FORMAT", "json", {"json", "console"}),
)
LOGGING_CONFIG = None

PORT = env.integer("PORT", 4000, minimum=1, maximum=65535)
