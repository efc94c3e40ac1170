"""A line between a client and a service, which can be cut in the middle of an answer."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlsplit

_AT_ONCE = struct.pack("ii", 1, 0)  # closed by a reset, as by a machine that dies


class Line:
    """``url`` leads to a service; each answer with the next of ``cuts`` in it ends there."""

    def __init__(self, service: str, cuts: Sequence[bytes]) -> None:
        self._service = urlsplit(service)
        self._cuts = list(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._over = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0

    @contextlib.contextmanager
    def laid(self) -> Iterator[Line]:
        """It leads there until the end of the block."""
        self._start(self._accept)
        try:
            yield self
        finally:
            self._over = True
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for thread in self._threads:
                thread.join(60)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            far = socket.create_connection((self._service.hostname, self._service.port))
            self._start(self._carry, near, far)

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        thread = threading.Thread(target=work, args=args)
        self._threads.append(thread)
        thread.start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """In one thread: a socket that another waits for is not cut when it is closed."""
        seen = b""
        with near, far, contextlib.suppress(OSError):
            while not self._over:
                for end in select.select([near, far], [], [], 0.02)[0]:
                    piece = end.recv(65536)
                    if not piece:
                        return
                    if end is near:
                        far.sendall(piece)
                        continue
                    seen += piece
                    if self._cuts and self._cuts[0] in seen:
                        end_of_it = len(piece) - len(seen) + seen.index(self._cuts.pop(0))
                        near.sendall(piece[: max(end_of_it, 0)])
                        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                        return
                    near.sendall(piece)
