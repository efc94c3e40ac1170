"""The service's address."""

from __future__ import annotations

import socket

from app.server import listen


def test_no_answer_waits_for_its_head_to_be_acknowledged() -> None:
    """What is accepted sends small pieces at once: Nagle's algorithm would hold the body of an
    answer back for 40 ms, on every connection that is used again.
    """
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
