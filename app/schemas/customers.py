"""Customers, and what erasing one leaves."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from memory import Receipt


class CustomerItem(BaseModel):
    """A customer who said or did something."""

    customer: str
    at: datetime = Field(description="when something was last said, or done with an item")


class CustomerList(BaseModel):
    """Customers, the last heard first; ``next`` asks for those after them."""

    customers: list[CustomerItem]
    next: str | None = Field(description="give it as `after` to get the next; null: none left")


class Deleted(BaseModel):
    """How many rows of each table were deleted."""

    deleted: dict[str, int]


class Erased(Deleted):
    """The receipt of an erasure, which is kept without the customer's name."""

    receipt: str = Field(description="its id, which is random")
    number: int = Field(description="of the receipt, in the chain")
    at: datetime
    elsewhere: list[str] = Field(
        description="adapters that were tuned on the customer's sessions, folders of such "
        "trainings, and what `train interest` learnt: make it anew, roll back, and delete it"
    )
    subject: str | None = Field(
        description="a number by which `restore` knows the customer in a backup from before; "
        "without the backup it says nothing"
    )
    previous: str = Field(description="the hash of the receipt before")
    hash: str = Field(description="SHA-256 of this receipt with `previous`")

    @classmethod
    def of(cls, receipt: Receipt) -> Erased:
        """As it goes over the wire."""
        given = receipt._asdict()
        del given["report"]
        return cls(receipt=given.pop("id"), **given)
