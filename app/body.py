"""How long a request's body may be: more is not read."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.problems import Problem, respond


class BodyLimit:
    """Answer 413 to whoever sends, or says that they send, more than ``most`` bytes."""

    def __init__(self, app: ASGIApp, most: int, of: Mapping[str, int] | None = None) -> None:
        """Take ``most`` bytes, of some paths other numbers of them."""
        self._app = app
        self._most = most
        self._of = of or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._of.get(scope["path"], self._most)
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and int(announced) > most:
            await respond(_problem(most), scope["path"])(scope, receive, send)
            return
        read = 0

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > most:
                raise _problem(most)
            return message

        await self._app(scope, limited, send)


def _problem(most: int) -> Problem:
    detail = (
        f"A body of at most {most} bytes is taken: send less at once, a shorter message, fewer "
        "texts or a part of the file."
    )
    return Problem(413, "body-too-long", "Body too long", detail)
