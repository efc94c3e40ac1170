"""Whom a key lets in."""

from __future__ import annotations

from pydantic import BaseModel, Field

from app.roles import Role


class KeyItem(BaseModel):
    """Whom a key, or a customer's own token, lets in."""

    tenant: str
    role: Role
    customer: str | None = Field(description="whom the token is of; null for a key")
