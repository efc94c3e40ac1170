"""Who did what to whose memory."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from memory.deeds import Entry


class AuditEntry(BaseModel):
    """A line of the audit log."""

    number: int = Field(description="its place in the log, which all tenants share")
    at: datetime
    tenant: str
    actor: str = Field(description="a key's id, `customer` (a token), `console` or `service`")
    role: str
    action: str
    customer: str | None = Field(description="an HMAC: the same for the same customer, to the end")
    session: str | None = Field(description="an HMAC too")
    what: str | None = Field(
        description="an article's source, a model, a key, a receipt's hash; of a memory an HMAC"
    )
    outcome: str = Field(description="done, begun, ok, refused, absent or failed")
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> AuditEntry:
        """An entry as it is sent."""
        return cls.model_validate(entry._asdict())


class AuditList(BaseModel):
    """A page of the audit log, the newest first."""

    entries: list[AuditEntry]
    next: int | None = Field(description="`before` of the next page; null at the end")
