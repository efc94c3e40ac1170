"""LangGraphStore: a customer's memory as LangGraph's long-term memory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.runnables.config import run_in_executor
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    validate_op_namespace,
)

from memory.conversation import ConversationMemory
from memory.customer_items import CustomerItems
from memory.errors import InvalidInput
from memory.items import Kept, Namespace
from memory.matching import matches
from memory.types import Scope, check_text
from memory.vector import VectorMemory

_MINUTES = 525_600_000  # a thousand years: what lasts longer may end after any date there is


class LangGraphStore(BaseStore):
    """A LangGraph ``BaseStore`` over the rows of a ``MemoryStore``.

    Everything is one customer's, and found among that customer's only: those of the memory, or,
    with ``customer_label``, of whoever a namespace names. The namespace ("memories",) is what the
    customer's memory remembers, through whichever door it came; others are the agent's own.

    As in LangGraph's own stores, a batch reads what was there before it, and of several puts under
    one key the last counts; the puts of a batch about a customer are one transaction. What has
    expired is found no more, swept or not. Safe to share between threads; the async methods run
    the sync ones in an executor.
    """

    supports_ttl = True

    def __init__(
        self,
        memory: VectorMemory | ConversationMemory,
        *,
        fields: Sequence[str] = ("$",),
        ttl: TTLConfig | None = None,
        customer_label: int | None = None,
    ) -> None:
        """Make a store of a memory's database, with its embedding model and strategies.

        Args:
            memory: the customer's; with ``customer_label`` its own customer is not used.
            fields: the paths of a value that are searched where a put names none; all of it as
                JSON is "$".
            ttl: LangGraph's ``TTLConfig``.
            customer_label: which label of a namespace names the customer: 1 for
                ("memories", "ada"), 0 for ("ada", "memories"). It is left out of what is stored.

        Raises:
            InvalidInput: ``fields`` or ``customer_label`` cannot be.
        """
        if isinstance(fields, str) or not all(isinstance(path, str) for path in fields):
            msg = f"fields are paths such as ['text'], not {fields!r}"
            raise InvalidInput(msg)
        if customer_label not in (None, 0, 1):
            msg = f"customer_label is 0 or 1, the place of a label, and not {customer_label!r}"
            raise InvalidInput(msg)
        self._memory = memory.vector if isinstance(memory, ConversationMemory) else memory
        self._fields = tuple(fields)
        self._label = customer_label
        self._swept = time.monotonic()
        self.ttl_config = ttl

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do what is asked, and give the answers in its order.

        Raises:
            InvalidNamespaceError: a namespace cannot be, or names no customer where it has to.
            InvalidInput: a value cannot be stored, a time to live is none, or a limit or an offset
                is below zero.
        """
        asked = [(self._customer(op), op) for op in ops]
        results = [self._read(customer, op) for customer, op in asked]
        puts: dict[str, list[PutOp]] = {}
        for customer, op in asked:
            if isinstance(op, PutOp):
                local = op._replace(namespace=self._local(op.namespace))
                puts.setdefault(customer, []).append(local)
        for customer in sorted(puts):
            self._items(customer).put(puts[customer])
        self._sweep_by_and_by()
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """The same, in an executor."""
        return await run_in_executor(None, self.batch, list(ops))

    def sweep_ttl(self) -> int:
        """Delete what has expired, with ``customer_label`` of all the tenant's customers.

        Returns:
            How many items; expired memories are forgotten besides.
        """
        tenant, customer = self._memory.scope.owner
        if self._label is None:
            return self._items(customer).sweep()
        owners = self._memory.store.owners()
        return sum(self._items(name).sweep() for where, name in owners if where == tenant)

    # --- whose -----------------------------------------------------------------------------

    def _customer(self, op: Op) -> str:
        """Whose memory an operation is about, which has to be one that can be done."""
        validate_op_namespace(op)
        _check(op)
        named = _place(op)
        for one in named:
            check_text(one)
        label = self._label
        if label is None:
            return self._memory.scope.customer
        if len(named) <= label or (isinstance(op, ListNamespacesOp) and named[label] == "*"):
            msg = (
                f"label {label} of a namespace names the customer here, and {tuple(named)} has "
                "none: name one customer, also in the prefix of a search and of a list"
            )
            raise InvalidNamespaceError(msg)
        if isinstance(op, PutOp) and len(named) == 1:
            msg = f"a namespace has a label beside the customer's: {tuple(named)} has none"
            raise InvalidNamespaceError(msg)
        return str(named[label])

    def _items(self, customer: str) -> CustomerItems:
        memory = self._memory
        if customer != memory.scope.customer:
            scope = Scope(customer, memory.scope.session, memory.scope.tenant)
            memory = memory.model_copy(update={"scope": scope})
        return CustomerItems(memory, self._fields)

    def _local(self, namespace: Namespace) -> Namespace:
        """A namespace without the label that names the customer."""
        label = self._label
        namespace = tuple(namespace)
        return namespace if label is None else namespace[:label] + namespace[label + 1 :]

    def _named(self, namespace: Namespace, customer: str) -> Namespace:
        """A namespace with that label."""
        label = self._label
        return namespace if label is None else (*namespace[:label], customer, *namespace[label:])

    # --- reading ---------------------------------------------------------------------------

    def _read(self, customer: str, op: Op) -> Result:
        if isinstance(op, PutOp):
            return None
        theirs = self._items(customer)
        if isinstance(op, GetOp):
            kept = theirs.get(op._replace(namespace=self._local(op.namespace)))
            return None if kept is None else Item(**self._shown(kept, customer))
        if isinstance(op, SearchOp):
            op = op._replace(namespace_prefix=self._local(op.namespace_prefix))
            return [
                SearchItem(**self._shown(kept, customer), score=score)
                for kept, score in theirs.search(op)
            ]
        return self._list(customer, op)

    def _list(self, customer: str, op: ListNamespacesOp) -> list[Namespace]:
        there = [self._named(one, customer) for one in self._items(customer).namespaces()]
        met = {
            one[: op.max_depth]
            for one in there
            if all(matches(condition, one) for condition in op.match_conditions or ())
        }
        return sorted(met)[op.offset : op.offset + op.limit]

    def _shown(self, kept: Kept, customer: str) -> dict[str, Any]:
        return {
            "namespace": self._named(kept.namespace, customer), "key": kept.key,
            "value": kept.value, "created_at": kept.created, "updated_at": kept.updated,
        }  # fmt: skip

    def _sweep_by_and_by(self) -> None:
        minutes = (self.ttl_config or {}).get("sweep_interval_minutes")
        if minutes is not None and time.monotonic() - self._swept >= minutes * 60:
            self._swept = time.monotonic()
            self._memory.store.in_background(("sweep", self._memory.scope.owner), self.sweep_ttl)


def _check(op: Any) -> None:
    """Raise InvalidInput if an operation has a number that it cannot have."""
    if isinstance(op, PutOp) and op.ttl is not None and not 0 < op.ttl <= _MINUTES:
        msg = (
            f"ttl is {op.ttl!r}: give minutes above zero, up to {_MINUTES:,}, or None for what is "
            "to stay"
        )
        raise InvalidInput(msg)
    if isinstance(op, (SearchOp, ListNamespacesOp)):
        for name, given in (("limit", op.limit), ("offset", op.offset)):
            if given < 0:
                msg = f"{name} is {given!r}: give zero or more"
                raise InvalidInput(msg)


def _place(op: Any) -> Sequence[str]:
    """The namespace that an operation is about, or what it begins with."""
    match op:
        case GetOp():
            named: Sequence[str] = op.namespace
        case SearchOp():
            named = op.namespace_prefix
        case PutOp():
            if not op.namespace or op.namespace[0] == "langgraph":
                msg = f'a namespace has labels, and its first is not "langgraph": {op.namespace}'
                raise InvalidNamespaceError(msg)
            named = op.namespace
        case ListNamespacesOp():
            paths = [c.path for c in op.match_conditions or () if c.match_type == "prefix"]
            named = max(paths, key=len, default=())
        case _:
            msg = f"Unknown operation type: {type(op)}"
            raise ValueError(msg)
    return named
