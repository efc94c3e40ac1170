"""Opening a database that is there already."""

from __future__ import annotations

from sqlalchemy.engine import make_url

from app.settings import Settings
from memory import InvalidInput, MemoryStore, open_store


def open_existing(settings: Settings) -> MemoryStore:
    """Open what must be there: a mistyped folder is not to be made and taken for it.

    Raises:
        InvalidInput: there is no such database.
    """
    if not settings.database_exists:
        name = make_url(settings.database_url).database
        msg = (
            f"there is no database {name}: give the service's --data-dir or --database; "
            "`memory-service serve` makes one"
        )
        raise InvalidInput(msg)
    return open_store(settings.database_url)
