"""Opening a database that is there already."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url

from app.settings import Settings
from memory import InvalidInput, MemoryStore, open_store


def open_existing(settings: Settings) -> MemoryStore:
    """Open what must be there: a mistyped folder is not to be made and taken for it.

    Raises:
        InvalidInput: there is no such database.
    """
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        msg = f"there is no database {url.database}: give the service's --data-dir or --database"
        raise InvalidInput(msg)
    return open_store(settings.database_url)
