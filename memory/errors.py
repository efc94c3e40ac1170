"""The exceptions of the memory.

MemoryServiceError
├── InvalidInput (ValueError)      what was given cannot be stored; says what to change
├── StoreError
│   ├── StoreUnavailable           locked, read-only, full: nothing was written, try again
│   │   └── Undone                 a server has undone a transaction: it can be run again
│   ├── NotADatabase               the file is something else
│   ├── BadBackup                  a backup is damaged, cut off, or none
│   └── SchemaTooNew               written by a newer version of this package
├── EmbeddingMismatch              the store was embedded by another model
├── WeightsMissing                 model weights are not on this machine, or damaged
├── SessionBusy                    another turn of this session is being answered
├── CircuitOpen                    what would be asked over the network is down: not asked now
├── TurnConflict                   an idempotency key was used for another message
└── TurnPassed                     a broken turn's session has gone on: it is not answered any more
"""

from __future__ import annotations


class MemoryServiceError(Exception):
    """Base of everything this package raises on purpose."""


class InvalidInput(MemoryServiceError, ValueError):
    """A name or a message that cannot be stored as it is."""


class StoreError(MemoryServiceError):
    """The database did not do what was asked."""


class StoreUnavailable(StoreError):
    """The database is locked, read-only, full or away; nothing was written."""

    retry_after = 2.0  # seconds


class Undone(StoreUnavailable):
    """The database's server has undone a transaction, and it can be run again as it was."""


class NotADatabase(StoreError):
    """The file that was to be opened is no database of ours."""


class BadBackup(StoreError):
    """A backup is not what was written, or is none; nothing was restored."""


class SchemaTooNew(StoreError):
    """The database was written by a newer version of this package."""


class EmbeddingMismatch(MemoryServiceError):
    """The stored vectors were made by another embedding model."""


class WeightsMissing(MemoryServiceError):
    """Model weights are not on this machine, or do not match their checksum."""


class SessionBusy(MemoryServiceError):
    """Another turn of the same session is being answered."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after  # seconds


class CircuitOpen(MemoryServiceError):
    """Something has failed several times in a row, and is left alone for a while."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"{name} does not answer, and is not asked for a while: try again later")
        self.retry_after = retry_after  # seconds


class TurnPassed(MemoryServiceError):
    """A turn that broke off cannot be answered any more: its session has gone on."""


class TurnConflict(MemoryServiceError):
    """An idempotency key was already used for a different message."""
