"""The chat page at /, and its files."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from app.headers import PAGE_POLICY
from app.problems import Problem

router = APIRouter(include_in_schema=False)

_WEB = Path(__file__).parents[1] / "web"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
_FILES = {
    file.relative_to(_WEB).as_posix(): _TYPES[file.suffix]
    for file in _WEB.rglob("*")
    if file.suffix in _TYPES
}
_HEADERS = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}


@router.get("/")
async def index() -> FileResponse:
    """The page."""
    return _file("index.html")


@router.get("/web/{name:path}")
async def asset(name: str) -> FileResponse:
    """A file of the page, or of one of its views."""
    if name not in _FILES:
        raise Problem(404, "not-found", "Not found", f"The page has no file {name!r}.")
    return _file(name)


def _file(name: str) -> FileResponse:
    return FileResponse(_WEB / name, media_type=_FILES[name], headers=_HEADERS)
