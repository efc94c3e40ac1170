"""TranslationMemory: what was translated once need not be translated again.

A tenant's translations are shared by all; what a customer said is translated, and remembered, in
that customer's own scope, which is asked first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from memory.customers import KNOWLEDGE, Owner
from memory.embeddings import Encoder, trust
from memory.normal_form import crossed, fill, form, forms
from memory.sentences import UNSPACED, split
from memory.store import MemoryStore
from memory.translations import Pair, Translation, form_id, scope_of, text_id
from memory.types import Floats

_EMBED_BATCH = 64  # sources embedded and stored at a time
_WORDS = 0.25  # of a score comes from how like the words are, the rest from the meaning
_EACH_LEFT = 0.05  # less for each number or name that could not be put right
CLOSE = 0.7  # a score from which a match is worth showing
_TRUSTED = 0.5  # share of a text in scripts that the embedding model knows


@dataclass(frozen=True, slots=True)
class Match:
    """What is known of a text: a translation, with the text's own numbers and names in it.

    Attributes:
        id: of the translation.
        source: what was translated then.
        target: its translation, with ``changed`` put in.
        score: 1 for the same text but for case, spaces, numbers and names; below that, how close.
        origin: who translated it: ``imported``, ``person`` or ``model``.
        changed: numbers and names that were put in the place of others.
        left: numbers and names in which it still differs.
        own: whether it is the customer's own, and not everybody's.
    """

    id: str
    source: str
    target: str
    score: float
    origin: str
    changed: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    own: bool = False


class TranslationMemory:
    """The translations of a tenant, or of one of its customers. Safe to share between threads."""

    def __init__(
        self,
        store: MemoryStore,
        encoder: Encoder,
        tenant: str = "default",
        customer: str | None = None,
    ) -> None:
        """Remember for a customer, and find what is theirs and everybody's; None: for all."""
        self.owner = scope_of(tenant, customer)
        self._scopes = [self.owner] if customer is None else [self.owner, scope_of(tenant, None)]
        self._store = store
        self._encoder = encoder

    # --- finding -------------------------------------------------------------------------

    def exact(self, text: str, pair: Pair) -> Match | None:
        """The translation of a text that is known; no model of any kind is asked.

        Of this very text before others; then of one that differs in case and punctuation, the
        last changed; then of those with other numbers and names, if they all say the same. Where
        nothing is known in a kind of a language, as ``en-gb``, what is known in ``en`` counts.
        """
        return next(filter(None, (self._exact(text, pair, each) for each in pair.wider)), None)

    def _exact(self, text: str, pair: Pair, known_in: Pair) -> Match | None:
        asked = [form_id(known_in, one) for one in forms(text)]
        closed, rows = form(text), self._store.translations
        very = [name + text_id(text.strip()) for name in asked]
        for owner in self._scopes:
            if found := rows.very(owner, very):
                return self._match(found[0], text, pair, 1.0, own=self._is_own(owner))
        for owner in self._scopes:
            known = [one for name in asked for one in rows.known(owner, name)]
            known.sort(key=lambda one: -one.seq)
            same = [one for one in known if form(one.source) == closed][:1]
            own = self._is_own(owner)
            made = [self._match(one, text, pair, 1.0, own=own) for one in same or known]
            made = [match for match in made if not match.left]
            if len({form(match.target) for match in made}) == 1:
                return made[0]
        return None

    def term(self, text: str, pair: Pair) -> Translation | None:
        """The fixed translation of a text that is a term and no more."""
        for each in pair.wider:
            name = form_id(each, form(text), term=True)
            for owner in self._scopes:
                if found := self._store.translations.known(owner, name):
                    return found[0]
        return None

    def near(self, text: str, pair: Pair, limit: int = 5, floor: float = CLOSE) -> list[Match]:
        """The translations of texts that are close, the closest first, from a score on.

        Its words are compared by their edit distance, its meaning by the cosine of its vector,
        where the embedding model knows the language.
        """
        vector: Floats | None = None
        found: dict[str, Match] = {}
        for owner in self._scopes:
            if not self._store.records.state(owner).generation:
                continue
            indexes = self._store.translation_indexes(self._encoder)
            close: list[tuple[Translation, float, float]] = []
            for each in pair.wider:
                with indexes.reading(owner, each) as direction:
                    if not direction.units:
                        continue
                if vector is None and trust(self._encoder, text) > _TRUSTED:
                    (vector,) = self._encoder.encode([text])
                with indexes.reading(owner, each) as direction:
                    close += direction.near(text, vector)
            if indexes.waits(owner):
                self._in_background(owner)
            own = self._is_own(owner)
            for one, edit, cosine in close:
                score = _WORDS * edit + (1 - _WORDS) * cosine if cosine else edit
                if score >= floor:
                    match = self._match(one, text, pair, min(score, 0.99), own=own)
                    if match.score >= floor:
                        found.setdefault(match.source, match)
        return sorted(found.values(), key=lambda match: -match.score)[:limit]

    def terms(self, text: str, pair: Pair) -> dict[str, str]:
        """The terms in a text, as they stand there, each with its fixed translation."""
        found: dict[str, str] = {}
        for owner in self._scopes:
            if not self._store.records.state(owner).generation:
                continue
            indexes = self._store.translation_indexes(self._encoder)
            for each in pair.wider:
                with indexes.reading(owner, each) as direction:
                    for said, term in direction.terms_in(text):
                        found.setdefault(said, term.target)
        return found

    # --- keeping -------------------------------------------------------------------------

    def put(self, given: Sequence[Translation]) -> tuple[int, int]:
        """Keep translations; of long texts each sentence (``by_sentence``).

        Of several translations of one text the one that comes most often is kept.

        Returns:
            How many are new, and how many took another's place.
        """
        self._store.check_embeddings(self._encoder)
        done = self._store.translations.put(self.owner, _most_frequent(by_sentence(given)))
        self._in_background(self.owner)
        return done

    def change(self, one: str, target: str) -> Translation | None:
        """Correct a translation; None if it is not there."""
        made = self._store.translations.change(self.owner, one, target)
        if made is not None:
            self._store.in_background("scrub", self._store.database.scrub)
            self._in_background(self.owner)
        return made

    def remove(self, one: str) -> bool:
        """Delete a translation; whether it was there."""
        gone = self._store.translations.remove(self.owner, one)
        if gone:
            self._store.in_background("scrub", self._store.database.scrub)
        return gone

    def embed(self) -> None:
        """Make the vectors that are missing."""
        while self._embed(self.owner):
            pass

    def embed_some(self) -> None:
        """Make a few that are missing: what was just added is scored by its meaning then."""
        self._embed(self.owner)

    def embed_later(self) -> None:
        """The same in the background."""
        self._in_background(self.owner)

    def _in_background(self, owner: Owner) -> None:
        """The same in the background, where others wait for no more than a few at a time."""

        def embed() -> None:
            if self._embed(owner):
                self._in_background(owner)

        self._store.in_background(("translations", owner), embed)

    def _embed(self, owner: Owner) -> bool:
        rows = self._store.translations
        missing = rows.unembedded(owner, _EMBED_BATCH)
        if not missing:
            return False
        known = [one for one in missing if trust(self._encoder, one[2]) > _TRUSTED]
        vectors = dict(
            zip(known, self._encoder.encode([said for *_, said in known]), strict=True)
            if known
            else ()
        )
        self._store.check_embeddings(self._encoder)
        rows.embed(owner, [(*one[:2], vectors.get(one)) for one in missing])
        return True

    def _match(
        self, found: Translation, text: str, pair: Pair, score: float, *, own: bool
    ) -> Match:
        filled = fill(found.source, found.target, text, (pair.source, pair.target))
        score = max(score - _EACH_LEFT * len(filled.left), 0.0)
        return Match(
            found.id, found.source, filled.text, round(score, 4), found.origin, filled.changed,
            filled.left, own,
        )  # fmt: skip

    def _is_own(self, owner: Owner) -> bool:
        return len(self._scopes) > 1 and owner == self.owner


def by_sentence(given: Sequence[Translation]) -> list[Translation]:
    """Translations of several sentences taken apart, where both sides have as many.

    Unless their numbers, addresses or names say that they do not stand in the same order.
    """
    made: list[Translation] = []
    for one in given:
        here, there = split(one.source), split(one.target)
        if one.term or len(here) != len(there) or len(here) < 2 or crossed(here, there):
            made.append(one)
            continue
        made += [
            Translation(one.pair, source, target, one.origin)
            for source, target in zip(here, there, strict=True)
        ]
    return made


def embed_waiting(store: MemoryStore, encoder: Encoder) -> None:
    """Make the vectors in the background that a process has left to be made when it ended."""
    for tenant, customer in store.translations.waiting():
        whose = None if customer == KNOWLEDGE else customer
        TranslationMemory(store, encoder, tenant, whose).embed_later()


def joined(text: str, parts: Sequence[tuple[str, str]]) -> str:
    """Translations of a text's sentences, with the lines and spaces between them.

    Args:
        text: the text that was split.
        parts: its sentences in order, each with its translation.
    """
    made, end = "", 0
    for sentence, translation in parts:
        start = text.index(sentence, end)
        between = text[end:start]
        if made and not between.strip() and "\n" not in between:
            between = "" if _ends_unspaced(made) else " "
        made += between + translation
        end = start + len(sentence)
    return made + text[end:]


def _ends_unspaced(text: str) -> bool:
    """Whether no space stands after what a text ends with."""
    return (
        "\u3000" <= text[-1] <= "\u303f"
        or "\uff00" <= text[-1] <= "\uffef"
        or (UNSPACED[0] <= text[-1] <= UNSPACED[-1])
    )


def _most_frequent(given: Sequence[Translation]) -> list[Translation]:
    """One translation of each text: of several the most frequent, and of these the last."""
    by_text: dict[tuple[Pair, bool, str], dict[str, list[Translation]]] = {}
    for one in given:
        said = form(one.source) if one.term else one.source
        by_text.setdefault((one.pair, one.term, said), {}).setdefault(one.target, []).append(one)
    return [max(reversed(each.values()), key=len)[-1] for each in by_text.values()]
