"""What customers ask a shop for, answered with the items of its catalogue, in their own words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any

from app.templates.answering import Ready
from app.templates.shopping import Thing, beyond, things_in
from app.templates.template import OFFERED
from memory import Catalogue, ConversationMemory, Encoder, Item, Labels, Layout, MemoryStore, Turn
from memory.indexes.lexical import terms
from memory.language import Language, language_of
from memory.marks import on_one_line
from memory.sentences import split

_MOST = 3  # items that are named
_LOOKED_AT = 50  # that bear on what is asked for
_TEXT = 240  # characters of an item's text
_PRICE = 40  # characters of a price
# A word that an item does not have, and that says nothing new: a lawn mower is a mower, and a
# petrol mower is not just any. Of such pairs the first have a cosine from 0.89 on, others below.
_SAYS_NOTHING_NEW = 0.88
_BARE = re.compile(r"[\d.,'’ ]+")  # an amount without a currency
_HAN = re.compile("[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class _Words:
    there: str
    gone: str
    price: str
    bare: str
    text: str

    def lines(self, items: Sequence[Item]) -> str:
        """That there are items, or that there are none at present, with what is said of them."""
        head = self.there if items[0].available else self.gone
        return "\n".join([head, *map(self._line, items)])

    def _line(self, item: Item) -> str:
        said = split(item.text)
        # Of what is not there all of it: the last may be when it is again.
        text = on_one_line(" ".join(said[:1] if item.available else said))
        if len(text) > _TEXT:
            text = f"{text[:_TEXT].rsplit(' ', 1)[0]} …"
        price = _price(item)
        line = f"- {on_one_line(item.title)}"
        if price:
            line += (self.bare if _BARE.fullmatch(price) else self.price).format(price)
        return line + self.text.format(text) if text else line


_WORDS: dict[Language, _Words] = {
    "en": _Words("We have:", "Not available at present:", " ({})", " (price: {})", ": {}"),
    "zh": _Words("我们有：", "目前无货：", "（{}）", "（价格：{}）", "：{}"),
}


class Offering:
    """Answers who asks for things to buy, or their prices. Safe to share between threads.

    Named is only what is surely meant: an item whose title, or category, says what is asked for,
    and which has all that is said of it.
    """

    def __init__(self, store: MemoryStore, encoder: Encoder) -> None:
        self._store = store
        self._encoder = encoder

    def answer(
        self,
        memory: ConversationMemory,
        message: str,
        labels: Labels | None,  # noqa: ARG002
        layout: Layout,
        turn: Turn | None = None,  # noqa: ARG002
        *,
        quoted: Ready | None = None,
    ) -> Ready | None:
        """The answer to a message; None where it asks for nothing that the catalogue has.

        Args:
            memory: of the message's session.
            message: what the customer says.
            labels: what a classifier says of it; None where it was not read.
            layout: the prompt for it.
            turn: if it was started.
            quoted: what else answers; where an article is nearer to the message, that does.
        """
        words = _WORDS.get(language_of(message) or "en")
        things = things_in(message)
        catalogue = Catalogue(self._store, self._encoder, memory.scope.tenant)
        if words is None or not things or not catalogue:
            return None
        items = self._items(catalogue, things)
        if not items:
            return None
        if quoted is not None and self._article_is_nearer(
            memory, message, quoted, catalogue, things, items
        ):
            return None
        made = replace(layout, recalled=[], evidence=None, template=OFFERED)
        return Ready(words.lines(items), made)

    def _items(self, catalogue: Catalogue, things: Sequence[Thing]) -> list[Item]:
        """Of each thing the best items; what is not available only if it alone was named."""
        found = [(thing, self._meant(catalogue, thing)) for thing in things]
        there = [[item for item in items if item.available] for _, items in found]
        if not any(there):
            there = [
                [item for item in items if all(_has(item.title, word) for word in thing.words)]
                for thing, items in found
            ]
        products: dict[str, Item] = {}
        for item in chain.from_iterable(zip_longest(*there)):
            if item is not None:
                products.setdefault(item.variant_of or item.id, item)
        return [*products.values()][:_MOST]

    def _meant(self, catalogue: Catalogue, thing: Thing) -> list[Item]:
        """The items that are called so; if there are none, those of a category that is."""
        sure = catalogue.search(thing.text, _LOOKED_AT, strict=True)
        titled = [item for item in sure if _has(item.title, thing.head)]
        lacking = [_lacking(item, thing) for item in titled]
        new = {words for words in {*lacking} if not self._say_nothing_new(words, thing)}
        called = [item for item, words in zip(titled, lacking, strict=True) if words not in new]
        if called:
            return called
        of_kind = [item for item in sure if _has(_category(item), thing.head)]
        if not of_kind:
            of_kind = catalogue.like(
                thing.text, lambda about: _has(_category_of(about), thing.head)
            )
        return [item for item in of_kind if not _lacking(item, thing)]

    def _say_nothing_new(self, words: Sequence[str], thing: Thing) -> bool:
        """Whether words of a thing's name, which an item does not have, say nothing new of it."""
        if not words:
            return True
        if any(_is_particular(word, thing) for word in words):
            return False
        whole, head = self._encoder.encode([" ".join([*words, thing.head]), thing.head])
        return float(whole @ head) >= _SAYS_NOTHING_NEW

    def _article_is_nearer(
        self,
        memory: ConversationMemory,
        message: str,
        quoted: Ready,
        catalogue: Catalogue,
        things: Sequence[Thing],
        items: Sequence[Item],
    ) -> bool:
        """Whether what is quoted says more of what is asked than the items do, and is nearer.

        Of what is not available anything says more.
        """
        told = quoted.layout.evidence or []
        if items[0].available:
            said = {term for item in items for term in terms(f"{item.title}\n{item.text}")}
            more = beyond(message, things) - said
            told = [passage for passage in told if more.intersection(terms(passage.text))]
        if memory.knowledge is None or not told:
            return False
        asked, ids = [message, *(thing.text for thing in things)], [item.id for item in items]
        least = max(catalogue.likeness(one, ids) for one in asked)
        vector = memory.vector.embedding(message)
        with memory.knowledge.reading() as index:
            ours = [index.vector_of(passage.id) for passage in told]
        return any(float(one @ vector) > least for one in ours if one is not None)


def _lacking(item: Item, thing: Thing) -> tuple[str, ...]:
    """The words of a thing that an item does not have."""
    said = f"{item.title}\n{item.text}\n{_category(item)}"
    return tuple(word for word in thing.words if not _has(said, word))


def _has(text: str, word: str) -> bool:
    """Whether a text has a word in any form; one in Chinese, and the parts of one, together."""
    if _HAN.search(word):
        return word in "".join(text.split())
    wanted, said = terms(word), terms(text)
    if len(wanted) == 1:
        return wanted[0] in {*said, *text.casefold().split()}
    n = len(wanted)
    return any(said[start : start + n] == wanted for start in range(len(said) - n + 1))


def _is_particular(word: str, thing: Thing) -> bool:
    """Whether a word is a name or a number, or one in Chinese: another one is another thing."""
    name = word[0].isupper() and not thing.head[0].isupper()
    return name or any(map(str.isdigit, word)) or _HAN.search(word) is not None


def _category(item: Item) -> str:
    return _category_of(item.metadata)


def _category_of(metadata: Mapping[str, Any]) -> str:
    found = metadata.get("category")
    return found if isinstance(found, str) else ""


def _price(item: Item) -> str:
    """An item's price as it is given, with the currency if there is one."""
    price, currency = (item.metadata.get(name) for name in ("price", "currency"))
    if isinstance(price, bool) or not isinstance(price, int | float | str):
        return ""
    said = f"{price:.2f}" if isinstance(price, float) else on_one_line(str(price))
    if len(said) > _PRICE:
        return ""
    sign = on_one_line(currency) if isinstance(currency, str) else ""
    if not sign or len(sign) > _PRICE or not _BARE.fullmatch(said):
        return said
    return f"{said} {sign}" if sign.isalpha() else f"{sign}{said}"
