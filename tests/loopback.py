"""Servers on the loopback device, for the length of a `with` block."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is no error of the server."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], **shared: object) -> Iterator[str]:
    """Answer requests by `handler`, which sees `shared` as its attributes, and give the server's address."""
    server = _Server(("127.0.0.1", 0), type("Handler", (handler,), shared))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
