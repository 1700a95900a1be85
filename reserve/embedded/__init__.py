"""PostgreSQL and Redis for development and tests, and the processes of `make dev`.

The servers are the real ones, carried by Python wheels. A guardian process
(`keeper.py`) owns them, one per data directory; whoever uses them holds a
lease (`lease.py`), and the guardian stops them when the last lease is gone.
Nothing here imports Django or an app.
"""

from reserve.embedded.binaries import EmbeddedError, installed
from reserve.embedded.environment import development_environment
from reserve.embedded.lease import servers
from reserve.embedded.state import Addresses

__all__ = ["Addresses", "EmbeddedError", "development_environment", "installed", "servers"]
