"""The figures of a worker's processes, for Prometheus, on a port of their own.

What PostgreSQL and Redis know is told by the web processes, once for all.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address, ip_network

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST

from reserve.core.logging import get_logger
from reserve.exposition import own_figures

log = get_logger(__name__)


def serve_figures(port: int) -> None:
    """Answer `GET /metrics` from a thread, for METRICS_ALLOWED_NETWORKS, as web does.

    A port that is taken costs the figures, and not the worker.
    """
    try:
        server = ThreadingHTTPServer(("", port), _Handler)
    except OSError as error:
        log.warning("worker_figures_off", port=port, reason=type(error).__name__)
        return
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="figures", daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    # Nobody who connects and says nothing keeps a thread.
    timeout = 5

    def do_GET(self) -> None:
        networks = [ip_network(network) for network in settings.METRICS_ALLOWED_NETWORKS]
        peer = ip_address(self.client_address[0])
        if not any(peer in network for network in networks):
            self.send_error(403)
        elif self.path != "/metrics":
            self.send_error(404)
        else:
            body = own_figures()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE_LATEST)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Scrapes are no news."""
