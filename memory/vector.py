"""VectorMemory: what is relevant of all that a customer ever said.

messages -> writer -> update -> rows;  rows -> retriever -> reader -> prompt
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from pydantic import Field

from memory import readers, retrieval, updates, writers
from memory.base import StoredMemory
from memory.cache import IndexCache
from memory.clock import now, to_stamp
from memory.cues import manners_only
from memory.database import new_id
from memory.echoes import without_echoes
from memory.embeddings import Encoder, adapt, embedded, trust
from memory.errors import InvalidInput
from memory.forgetting import Forgotten, Policy
from memory.indexes.customer import CustomerIndex, Source, stems_from
from memory.outdated import Outdated
from memory.records import Undone
from memory.scoring import contextual
from memory.types import (
    Add,
    Change,
    Floats,
    Forget,
    Message,
    Query,
    Reader,
    Recalled,
    Record,
    Retriever,
    Update,
    Writer,
    check_name,
    check_text,
)
from memory.withdrawals import Withdrawal
from memory.wording import ENGLISH, Wording

_DIGEST_BATCH = 64  # records embedded and stored at a time
_WRITE_BATCH = 512  # messages turned into records at a time
_LOOKED_AT = 200  # most of the nearest may be of the same batch, or gone


class VectorMemory(StoredMemory):
    """Recalls, from all sessions of the customer, what bears on the input.

    The four strategies of the external memory are its fields: ``writer``, ``update``,
    ``retriever`` and ``reader``. ``embeddings`` takes any LangChain Embeddings; the embedded
    model is the default.
    """

    memory_key: str = "recalled"
    max_tokens: int = 500
    embeddings: Embeddings | Encoder | None = None
    writer: Writer = Field(default=writers.verbatim)
    digest_writer: Writer | None = None  # of the digest only: one that asks a model
    update: Update = Field(default=updates.append)
    retriever: Retriever = Field(default=contextual)
    reader: Reader = Field(default=readers.as_text)
    hops: int = Field(default=1, ge=1)
    policy: Policy = Field(default=Policy())

    @cached_property
    def encoder(self) -> Encoder:
        """The embedding model."""
        if self.embeddings is None:
            return embedded()
        return self.embeddings if isinstance(self.embeddings, Encoder) else adapt(self.embeddings)

    @cached_property
    def _cache(self) -> IndexCache:
        return self.store.index_cache(self.encoder, self.writer, self.update)

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What bears on the input, as text or as messages."""
        question = self._question(inputs)
        reader = readers.as_messages if self.return_messages else self.reader
        explain = reader not in readers.UNEXPLAINED
        asks = not manners_only(question)
        found = self.recall(question, outdated=False, explain=explain) if asks else []
        return {self.memory_key: reader(found, self.max_tokens, self.count_tokens)}

    def recall(
        self,
        query: str,
        max_tokens: int | None = None,
        *,
        without: Collection[tuple[str, str]] = (),
        at: datetime | None = None,
        outdated: bool = True,
        vector: Floats | None = None,
        index: CustomerIndex | None = None,
        explain: bool = True,
        words: Wording = ENGLISH,
    ) -> list[Recalled]:
        """The records that bear on ``query``, best first, within a token budget.

        Args:
            query: what is looked for.
            max_tokens: of the lines that the records take in a prompt; the memory's own budget
                if not given.
            without: messages, by session and id, whose records are left out (they stand in the
                prompt).
            at: when it is asked; now, if not given.
            outdated: also the messages that say what holds no longer, after all others.
            vector: (d,) of the query, from ``embedding``, if it was made before.
            index: the customer's, where the caller reads it already.
            explain: whether anybody reads why they were found.
            words: what their lines have around them.
        """
        budget = self.max_tokens if max_tokens is None else max_tokens
        limit = readers.most(budget)
        found = self.ranked(
            query, without=without, at=at, outdated=outdated, vector=vector, index=index,
            limit=limit, explain=explain,
        )  # fmt: skip
        return readers.fitting(found, budget, self.count_tokens, words)

    def ranked(
        self,
        query: str,
        *,
        without: Collection[tuple[str, str]] = (),
        at: datetime | None = None,
        outdated: bool = True,
        vector: Floats | None = None,
        index: CustomerIndex | None = None,
        limit: int | None = None,
        explain: bool = True,
        retriever: Retriever | None = None,
    ) -> list[Recalled]:
        """What the retriever finds for ``query``, best first; see ``recall``.

        With ``limit`` no more than so many are used, and it may spare itself the others. A
        ``retriever`` is taken in place of the memory's own.
        """
        if not query.strip():
            return []
        # Not under the index's lock: it takes longer than all the rest.
        vector = self.embedding(query) if vector is None else vector
        at = at or now()
        with nullcontext(index) if index is not None else self.reading() as index:
            view = index.view(at, without, self.policy.since(at))
            missing = sum(not stems_from(record, without) for record in index.without_vector())
            asked = Query(query, vector, at, trust(self.encoder, query), limit, explain)
            found = (retriever or self._strategy)(asked, view)
            no_longer = Outdated(index.superseded_facts(), index.get)
            found = without_echoes(found, index.get, no_longer)
            found = no_longer.explained(found, keep=outdated)
        if missing:
            partial_search = f"; {missing} newer records searched by words only"
            found = [r.because(r.why + partial_search) for r in found]
        return found

    def embedding(self, query: str) -> Floats:
        """The vector (d,) of a query, as ``recall`` makes it where it is not given one."""
        return self._cache.question(self.scope.owner, query)

    def reading(self, shown: Collection[Source] = ()) -> AbstractContextManager[CustomerIndex]:
        """The customer's records, caught up with the rows, the newest of them embedded.

        Those of messages (session, id) that are ``shown`` in any case need no vectors.
        """
        return self._cache.reading(self.scope.owner, shown=shown)

    def index(self) -> AbstractContextManager[CustomerIndex]:
        """The customer's records, caught up with the rows, without embedding any."""
        return self._cache.reading(self.scope.owner, embed=0)

    def history(self, slot: str | None = None) -> list[Record]:
        """The facts of a slot, or of all: what holds and what held before, the oldest first."""
        with self.index() as index:
            return sorted(index.facts(slot and {slot}), key=lambda r: (r.at, r.seq))

    def known(self, slot: str | None = None) -> list[Record]:
        """The facts of a slot, or of all, that hold now and have a value, the oldest first."""
        at = now()
        with self.index() as index:
            outdated = Outdated(index.superseded_facts(), index.get)
            held = [
                fact
                for fact in index.facts(slot and {slot})
                if fact.value is not None
                and fact.current(at)
                and not self.policy.outlives(fact, at)
                and outdated.by(fact) is None
            ]
        return sorted(held, key=lambda r: (r.at, r.seq))

    def newest(
        self,
        limit: int,
        before: int | None = None,
        *,
        slot: str | None = None,
        history: bool = False,
    ) -> list[Record]:
        """The last ``limit`` records, newest first, also of what was said a moment ago.

        See ``memory.records.Records.newest``.
        """
        self.write()
        return self.store.records.newest(
            self.scope.owner, limit, before, slot=slot, history=history
        )

    def get(self, record_id: str) -> Record | None:
        """The record with an id, also of what was said a moment ago."""
        self.write()
        return self.store.records.get(self.scope.owner, record_id)

    def apply(self, changes: Sequence[Change]) -> None:
        """Make changes that a person asked for; the next prompt is laid out without the old.

        What no digest has turned into records yet can be changed too.
        """
        self.write()
        self.store.records.apply(self.scope.owner, changes)

    def correct(self, record_id: str, **given: Any) -> Record | None:
        """Change a record as a person says; the next prompt is laid out without the old.

        Args:
            record_id: of a current record.
            given: ``text``, ``value`` (of a fact), ``pinned``, ``expires_at``, as many as are to
                be changed.

        Returns:
            The record as it is now; None if there is none.

        Raises:
            InvalidInput: it holds no longer, or what is given cannot be.
        """
        _check(given)
        self.write()
        return self.store.records.correct(self.scope.owner, record_id, given, self.facts_in)

    def facts_in(self, record: Record) -> list[Record]:
        """The facts that the writer finds in a record's words."""
        source = record.messages[0] if record.messages else record.id
        said = Message(source, record.session, record.role, record.text, record.at)
        return [made for made in self.writer([said]) if made.slot is not None]

    def remember(self, text: str, *, slot: str | None = None, **given: Any) -> Record:
        """Add a record by hand: a note of the staff, of no session.

        Args:
            text: what is to be remembered.
            slot: what it is about, if it is a fact; then it has a ``value``.
            given: ``value``, ``pinned``, ``expires_at``.

        Returns:
            The record. Another current fact that says the same becomes history.
        """
        _check({"text": text, "slot": slot, **given})
        if (slot is None) != (given.get("value") is None):
            msg = "a fact has a slot and a value: give both, or neither for a plain memory"
            raise InvalidInput(msg)
        record = Record(
            new_id(), text, (), "", "note", now(), slot=slot, source="person", **given
        )  # nobody said it in a conversation
        self.store.records.apply(self.scope.owner, [Add(record)])
        return self.store.records.get(self.scope.owner, record.id) or record

    def delete(self, record_id: str) -> Withdrawal | None:
        """Delete a record as a person says, with what it said before it was corrected.

        What else says the same leaves prompts with it (see ``memory.withdrawals``). Another fact,
        of which it had taken the place, stays history.

        Returns:
            What went with it; None if there is no such record.
        """
        self.write()
        taken = self.store.records.apply(self.scope.owner, [Forget(record_id)])
        if not taken:
            return None
        self._scrub()
        return taken[0]

    def forget(self, policy: Policy | None = None, *, dry_run: bool = False) -> list[Forgotten]:
        """Forget what has expired or outlived a policy, the memory's own if none is given.

        ``Policy()``, which sets no limit, takes what has expired and nothing else.

        Returns:
            What goes, with the reason of each; with ``dry_run`` it stays.
        """
        self.write()
        forgetting = self.store.forgetting
        policy = self.policy if policy is None else policy
        found = forgetting.outlived(self.scope.owner, policy, now())
        if found and not dry_run:
            forgetting.forget(self.scope.owner, found)
            self._scrub()
        return found

    def expire(self) -> bool:
        """Forget the records whose time is over; False if there are none."""
        if not self._cache.holds(self.scope.owner):  # no index is built only for that
            over = self.store.records.expired(self.scope.owner, now())
        else:
            with self.index() as index:
                over = bool(index.expired(now()))
        if over:
            self.forget(Policy())
        return over

    def write(self) -> None:
        """Turn the messages that no digest has seen into records, without embedding them."""
        owner = self.scope.owner
        while (undone := self.store.records.undone(owner, _WRITE_BATCH)).messages:
            self._write(undone)

    def _scrub(self) -> None:
        self.store.in_background("scrub", self.store.database.scrub)

    @cached_property
    def _strategy(self) -> Retriever:
        return self.retriever if self.hops == 1 else retrieval.hops(self.retriever, self.hops)

    def _digestion(self) -> Iterator[None]:
        """Turn new messages into records, embed them, and let the update mechanism decide."""
        records, owner = self.store.records, self.scope.owner
        # Written first: a look at the records before would derive the same from the messages.
        while (undone := records.undone(owner, _WRITE_BATCH, _DIGEST_BATCH)).messages:
            self._write(undone)
            yield
        if self.expire():
            undone = records.undone(owner, _WRITE_BATCH, _DIGEST_BATCH)
        while undone.messages or undone.records:
            if undone.messages:
                self._write(undone)
            else:
                self._embed(undone)
            yield
            undone = records.undone(owner, _WRITE_BATCH, _DIGEST_BATCH)
        records.nothing_left(owner, undone.state)
        if self.policy and self.store.forgetting.due(self.scope.owner):
            self.forget()

    def _write(self, undone: Undone) -> None:
        owner, earlier, messages = self.scope.owner, undone.earlier, undone.messages
        with self._cache.reading_once(owner):
            fresh = writers.written(self.writer, earlier, messages)
            if self.digest_writer is not None:
                fresh += writers.written(self.digest_writer, earlier, messages)
            records = self.store.records
            records.write(owner, fresh, messages[-1].seq, undone.state, self.update)

    def _embed(self, undone: Undone) -> None:
        owner, fresh = self.scope.owner, undone.records
        known: dict[str, Floats] = {}
        if self._cache.holds(owner):  # what a read has embedded is not embedded again
            with self.index() as index:
                known = {r.id: v for r in fresh if (v := index.vector_of(r.id)) is not None}
        # Not under the index's lock: a question would wait for it.
        missing = [r for r in fresh if r.id not in known]
        made = self._cache.encode(owner, missing) if missing else ()
        known.update((r.id, v) for r, v in zip(missing, made, strict=True))
        vectors = np.stack([known[r.id] for r in fresh])
        changes = self._changes(fresh, vectors) if self._by_likeness else []
        self.store.check_embeddings(self.encoder)
        self.store.records.embed(owner, fresh, vectors, changes, undone.state)

    @property
    def _by_likeness(self) -> bool:
        """Whether the update mechanism looks at what resembles a record that is no fact."""
        return self.update not in (updates.append, updates.supersede)

    def _changes(self, fresh: list[Record], vectors: Floats) -> list[Change]:
        """What the update mechanism does about each record, knowing what it did before."""
        changes: list[Change] = []
        gone: set[str] = set()
        for i, (record, vector) in enumerate(zip(fresh, vectors, strict=True)):
            if record.slot is not None:
                continue  # decided about when it was written
            earlier = zip(fresh[:i], (vectors[:i] @ vector).tolist(), strict=True)
            similar = {
                old.id: (cosine, old)
                for old, cosine in (*self._nearest(vector), *earlier)
                if cosine >= updates.SIMILAR
                and old.slot is None
                and 0 < old.seq < record.seq
                and old.id not in gone
                and (old.session != record.session or set(old.messages).isdisjoint(record.messages))
            }
            ranked = sorted(similar.values(), key=lambda found: -found[0])
            made = self.update(record, [old for _, old in ranked])
            gone.update(
                c.id if isinstance(c, Forget) else c.old for c in made if not isinstance(c, Add)
            )
            changes += made
        return changes

    def _nearest(self, vector: Floats) -> list[tuple[Record, float]]:
        """The current records nearest to a vector, of those that have one, with their cosines."""
        with self.index() as index:
            view = index.view(now())
            positions, cosines = view.dense(vector, _LOOKED_AT)
            return [(view[p], c) for p, c in zip(positions.tolist(), cosines.tolist(), strict=True)]


def _check(given: Mapping[str, Any]) -> None:
    """Raise InvalidInput if a person cannot have meant this."""
    if not given:
        msg = "nothing is to be changed: give text, value, pinned or expires_at"
        raise InvalidInput(msg)
    if unknown := given.keys() - {"text", "slot", "value", "pinned", "expires_at"}:
        msg = f"a memory has no {', '.join(sorted(unknown))} that can be given"
        raise InvalidInput(msg)
    for name in ("text", "value"):
        said = given.get(name)
        if said is not None and not said.strip():
            msg = f"the {name} is empty: say something, or delete the memory"
            raise InvalidInput(msg)
        check_text(said or "")
    if given.get("slot") is not None:
        check_name("slot", given["slot"])
    ends = given.get("expires_at")
    if ends is not None and to_stamp(ends) <= to_stamp(now()):
        msg = f"expires_at is {ends.isoformat()}, which is past: give a later time, or delete it"
        raise InvalidInput(msg)
