"""The indexes of the customers who were here last, kept up with the rows."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from memory.customers import Owner
from memory.embeddings import Encoder
from memory.indexes.customer import CustomerIndex, Source, stems_from
from memory.records import CONTEXT, News, Records, Seen
from memory.rereading import Kept, rereading
from memory.types import Floats, Message, Record, Update, Writer
from memory.watch import Watch
from memory.writers import written

EMBED_AT_READ = 32  # how many records a read embeds before it makes do with what there is
ASKED = 256  # questions whose vectors are kept for the records that they become
READ = 128  # customers of whose last texts is kept what a writer has read in them
MAX_RECORDS = 50_000  # over all customers held; a record takes some 3 kB


@dataclass
class _Entry:
    index: CustomerIndex
    seen: Seen
    # Vectors whose record's turn to get one has not come yet, and the ids of numbered records.
    vectors: dict[str, Floats] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    # The messages that no digest has turned into records, and the few before them.
    said: list[Message] = field(default_factory=list)


class IndexCache:
    """Customers' indexes in memory, least recently used ones dropped.

    Messages that no digest has turned into records yet are written and found in memory, so
    that a reader sees its own writes; the digest stores the same records later.
    """

    def __init__(
        self,
        records: Records,
        encoder: Encoder,
        writer: Writer,
        update: Update,
        max_records: int = MAX_RECORDS,
        watch: Watch | None = None,
    ) -> None:
        self._records = records
        self._encoder = encoder
        self._writer = writer
        self._update = update
        self._max_records = max_records
        self._watch = watch or Watch()
        self._entries: OrderedDict[Owner, _Entry] = OrderedDict()
        self._held = 0  # records in them, or more: what is dropped is not taken off
        # By the hash of whose it is and the text: how long an answer takes tells nobody whether
        # somebody else has asked the same.
        self._asked: OrderedDict[int, Floats] = OrderedDict()
        # What was read in the texts of those who were here last (``rereading``).
        self._read: OrderedDict[Owner, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def question(self, owner: Owner, text: str) -> Floats:
        """The vector (d,) of what somebody asks, and may say again in the turn that follows."""
        key = hash((owner, text))
        with self._lock:
            vector = self._asked.get(key)
        if vector is None:
            with self._watch.step("embed"):
                (vector,) = self._encoder.encode([text])
            with self._lock:
                self._asked[key] = vector
                while len(self._asked) > ASKED:
                    self._asked.popitem(last=False)
        return vector.copy()

    def encode(self, owner: Owner, records: Sequence[Record]) -> Floats:
        """The vectors (n, d) of records, at least one; that of a question is made already."""
        texts = [record.text for record in records]
        with self._lock:
            known = {t: v for t in texts if (v := self._asked.get(hash((owner, t)))) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            with self._watch.step("embed"):
                known.update(zip(missing, self._encoder.encode(missing), strict=True))
        return np.stack([known[text] for text in texts])

    @contextmanager
    def reading_once(self, owner: Owner) -> Iterator[None]:
        """What is read in the customer's texts within this block is not read again."""
        with self._lock:
            kept = self._read.setdefault(owner, {})
            self._read.move_to_end(owner)
            while len(self._read) > READ:
                self._read.popitem(last=False)
        with rereading(kept):
            yield

    @contextmanager
    def reading(
        self, owner: Owner, embed: int = EMBED_AT_READ, shown: Collection[Source] = ()
    ) -> Iterator[CustomerIndex]:
        """The customer's index, caught up; at most ``embed`` records are embedded for it.

        Those of messages that are ``shown`` are not, so far as none follows that may be recalled.

        It is the reader's own until the block ends: another, whose transaction began earlier,
        may have to turn it back to what the rows were then.
        """
        with self._lock:
            entry = self._entries.get(owner)
            if entry is None:
                index = CustomerIndex(self._encoder.dimension)
                entry = self._entries[owner] = _Entry(index, Seen())
            self._entries.move_to_end(owner)
        with self.reading_once(owner), entry.index.lock:
            before = len(entry.index)
            self._catch_up(owner, entry)
            missing = entry.index.without_vector()[:embed]
            while missing and stems_from(missing[-1], shown):
                missing.pop()
            if missing:
                entry.index.add_vectors(self.encode(owner, missing))
            yield entry.index
            after = len(entry.index)
        self._evict(owner, after - before)

    def holds(self, owner: Owner) -> bool:
        """Whether a customer's index is here."""
        with self._lock:
            return owner in self._entries

    def drop(self, owner: Owner) -> None:
        """Let go of a customer's index."""
        with self._lock:
            self._entries.pop(owner, None)
            self._read.pop(owner, None)
            self._asked.clear()  # some may be this customer's

    def _catch_up(self, owner: Owner, entry: _Entry) -> None:
        news = self._records.since(owner, entry.seen, self._encoder.dimension)
        seen = entry.seen
        if news.state.generation == seen.state.generation:
            self._watch.happened("cache-hit")
        else:
            self._watch.happened("cache-stale" if seen.state.generation else "cache-miss")
            seen = Seen()
            # Filled anew, not exchanged: another thread may be waiting for this very lock.
            entry.index.reset(self._encoder.dimension)
            entry.vectors.clear()
            entry.ids.clear()
            entry.said.clear()
        entry.index.add(news.records)
        if news.messages:
            # As a digest will read them, so that it finds the same, and most of it kept.
            earlier = news.earlier
            if earlier is None:
                before = bisect_right(entry.said, news.state.written, key=attrgetter("seq"))
                earlier = entry.said[max(before - CONTEXT, 0) :]
            fresh = written(self._writer, earlier, news.messages)
            entry.index.settle(fresh, self._update)
            entry.said = [*earlier, *news.messages]
        _add_vectors(entry, news)
        entry.seen = Seen(
            news.state,
            news.records[-1].seq if news.records else seen.record,
            news.vector_seqs[-1] if news.vector_seqs else seen.vector,
            news.messages[-1].seq if news.messages else seen.message,
        )

    def _evict(self, keep: Owner, more: int) -> None:
        with self._lock:
            self._held += more
            if self._held <= self._max_records:
                return
            # Counted anew: an entry may have been dropped while somebody was reading it.
            self._held = sum(len(entry.index) for entry in self._entries.values())
            for owner in list(self._entries):
                if self._held <= self._max_records or owner == keep:
                    break
                self._held -= len(self._entries.pop(owner).index)


def _add_vectors(entry: _Entry, news: News) -> None:
    """Append the vectors that follow on those the index has; keep the others for later."""
    entry.ids.update((record.seq, record.id) for record in news.records)
    for seq, vector in zip(news.vector_seqs, news.vectors, strict=True):
        if record_id := entry.ids.pop(seq, None):
            entry.vectors[record_id] = vector
    run: list[Floats] = []
    for record in entry.index.without_vector():
        vector = entry.vectors.pop(record.id, None)
        if vector is None:
            break
        run.append(vector)
    if run:
        entry.index.add_vectors(np.stack(run))
    if not entry.index.without_vector():
        entry.vectors.clear()
