"""What a message asks a shop for: a thing to buy, its price, or whether there is one.

English and Chinese, by rule. What somebody has already, or has asked before, is nothing to buy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.templates.unknown import asks_anything
from memory.indexes.lexical import terms
from memory.language import language_of
from memory.questions import kind, recollects
from memory.sentences import pieces

_YOU = r"(?:you|u|ya|they|the shop|your shop)(?: guys| all| lot)?"
_ALSO = r"(?: (?:still|also|even|actually|currently|ever|maybe|perhaps|happen to|by any chance))*"
_LED = r"^\W*(?:(?:and|so|also|hi|hello|hey|got|ok)\b\W*)*"
_THING = r"(?P<thing>\S.*)"
_THING_TO = r"(?P<thing>\S.*?)"  # with more behind it
_THERE = "(?:available|in stock|for sale|on sale|sold out|out of stock)"
_ASKED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:do|does|did|would)(?:n?['’]?t)? {_YOU}{_ALSO} "
        rf"(?:sell|stock|have|carry|offer|keep|supply|got|do)(?: got)? {_THING}",
        rf"\b(?:have|has) {_YOU}{_ALSO} (?:got|any) {_THING}",
        rf"^\W*(?:you|u) got {_THING}",
        rf"\b(?:you|u)(?: guys)?{_ALSO} (?:sell|stock) {_THING}",
        rf"\b(?:you|u)(?: do not| don['’]?t)? happen to (?:have|sell|stock) {_THING}",
        rf"\b(?:if|whether) {_YOU}{_ALSO} (?:have|got) {_THING}",
        rf"\bdoes \w+ (?:sell|stock) {_THING}",
        rf"\b(?:is|are) there{_ALSO} (?:any|an?|some)(?:thing like)? {_THING}",
        rf"\bare there{_ALSO} {_THING}",
        rf"{_LED}any {_THING}",
        rf"{_LED}(?:is|are) {_THING_TO} (?:still |currently |back |now )*{_THERE}\b",
        rf"{_LED}(?!is\b|are\b){_THING_TO} (?:{_THERE}|price)\W*\?\W*$",
        rf"\bwhat(?: do| does| would|['’]?s) {_THING_TO} "
        r"(?:cost|come to|go for|sell for|set (?:me|us) back)\b",
        rf"\b(?:what(?:['’]?s| is| are)|how much (?:is|are)) {_THING_TO} going for\b",
        rf"\b(?:what|how much) {_THING_TO} costs?\W*$",
        rf"{_LED}{_THING_TO}\W+how much\W*$",
        rf"\bhow (?:much|expensive) (?:is|are|does|do|would|for|r) {_THING}",
        rf"\bhow much (?:do|would) {_YOU} (?:charge|want|ask) for {_THING}",
        rf"\b(?:prices?|cost) (?:of|for) {_THING}",
        rf"\b(?:which|what|wich) (?:(?:other|kinds?|sorts?|types?)(?: of)? )?{_THING_TO} "
        rf"(?:do|does|would|can|could|should|have) (?:{_YOU}|i|we){_ALSO}"
        r"(?: (?:have|sell|stock|offer|carry|recommend|suggest|got|buy|get)\b|\W*$)",
        rf"\b(?:which|what|wich) {_THING_TO} (?:is|are) "
        r"(?:there|best|good|right|suitable|(?:the )?(?:cheap|bigg|small|larg)est)\b",
        r"\bwhat(?:['’]?s| is| are) (?:the|your) "
        rf"(?:(?:cheap|bigg|small|larg|b)est|most \w+) {_THING}",
        rf"\b(?:recommend|suggest)(?: me| us)? {_THING}",
        rf"\b(?:(?:can|could|do) (?:i|we)|where (?:i|we) (?:can|could)) "
        rf"(?:buy|find|get|purchase) {_THING}",
        rf"\b(?:show|tell) (?:me|us) (?:(?:more |something )?about )?(?:the |your |some )?{_THING}",
    )
)
_WISHED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:looking|searching|shopping|hunting) for {_THING}",
        rf"\b(?:i['’]?m|i am|we['’]?re|we are) after {_THING}",
        r"\b(?:want|like|love|hoping|looking|planning|thinking|possible)"
        rf" (?:to buy|of buying|to purchase) {_THING}",
        r"\b(?:i|we|my \w+|he|she)(?:['’]?d| would)?(?: really| also| still| just)* "
        r"(?:wants?|needs?|like|love|fancy)(?: to (?:get|have|see))? "
        r"(?P<thing>(?:an?|some|new|another|more|any|two|three|four|\d+) .*)",
        rf"\binterested in (?:buying |getting )?{_THING}",
    )
)
_SAID_ZH = r"(?P<thing>[^，。！？,?!]+"
_ASKED_ZH = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?:推荐|介绍)(?:一下|一些|几款|几个|几种|一款|一个|些|个)?{_SAID_ZH})",
        rf"(?:什么|哪些|哪种|哪款|哪几种){_SAID_ZH}?)"
        r"(?:可以|值得|比较|最)*(?:推荐|出售|卖|可买|好)?(?:的)?(?:吗|呢)?\W*$",
        rf"{_SAID_ZH}?)(?:卖|要|是|的)*(?:多少钱|什么价|怎么卖|价格)",
        rf"{_SAID_ZH}?)(?:现在|目前|还|都)*(?:有货|有现货|有售|有卖|缺货)",
        rf"(?:有没有|有|卖不卖|卖|出售){_SAID_ZH}?)(?:卖|出售|有货)?(?:吗|么|没有|呢)?\W*$",
    )
)
_WISHED_ZH = (re.compile(rf"(?:想|要|打算)(?:买|购买|入手|找)(?:一下)?{_SAID_ZH})"),)
# Said of what one has, or does not want.
_TROUBLED = re.compile(
    r"\b(?:broken?|damaged|faulty|refund|replac\w+|exchange|return\w*|arrived|wrong|missing|mine"
    r"|my order|never|no longer|(?:am|are|is|do|did|would) not|(?:do|did|would)n['’]?t)\b"
    r"|坏|退|换|不想|不要",
    re.IGNORECASE,
)
# Of what is there once more, and not said once more.
_THERE_AGAIN = re.compile(r"\b(available|in stock|for sale|back) again\b", re.IGNORECASE)
_PRICE_OF_IT = re.compile(
    r"\W*(?:and )?(?:what (?:do|does|would) (?:it|they|that|those|one) (?:cost|be)"
    r"|how much (?:is|are|would) (?:it|they|that|those|one)(?: be| cost)?)\W*",
    re.IGNORECASE,
)
_OWNED = frozenset(
    "my our mine his her their its it them this that these those you u i we me us".split()
)
_BEFORE = frozenset(
    "a an the any some your all of new good nice great decent best cheap cheaper cheapest big "
    "bigger biggest small smaller smallest large larger largest other different another more "
    "suitable one two three four five six pair pairs set sets bag bags pack packs packet packets "
    "kind kinds sort sorts type types range selection couple lots few beautiful lovely sturdy "
    "simple me us most anything something like".split()
)
# What the name of a thing goes no further than.
_ENDS = frozenset(
    "for with without in of to from that which who under over below above at on around about by "
    "like as than you u i we if because since so but when where while it please pls plz instead do "
    "does did would is are was were has have got sell stock cost costs be available currently "
    "still now today anywhere here there too either suited suitable left made".split()
)
_ANYTHING = frozenset(
    terms(
        "anything something things thing stuff items item products product articles article goods "
        "ones one kind sort type range price prices cost idea"
    )
)
# Beside the things, what a message says that asks for them.
_ASKING = frozenset(
    terms(
        "hi hello hey good morning evening please thanks thank sell stock have carry offer keep "
        "supply got get want need like love look looking search buy buying purchase find recommend "
        "suggest interested show tell know wonder wondering think price cost much expensive still "
        "available sale shop range guys moment today now currently there any some kind sort type "
        "possible us let"
    )
)
_CLAUSE = re.compile(
    r"\W*(?:(?:and|but|so) )?(?:what|which|who|when|where|why|how|can|could|do|does|did|is|are|will"
    r"|would|may|should)\b",
    re.IGNORECASE,
)
_PARTS = re.compile(r",| and | or |[&/;]")
_PARTS_ZH = re.compile("[、和或]|或者|还是")
_MEASURE_ZH = re.compile(
    r"^(?:你们|您们|您|你|店里|这里|这儿|贵店|请问|还|也|的|一|两|三|几|些|个|张|把|款|种|台|套|件|盆|棵|只"
    r"|条|块|盏|座|那|这)+"
)
_LEAST_ZH = 2  # characters
_LONGEST = 400  # characters of a sentence: who asks for something needs no more
_MOST, _NAME = 5, 10  # things of one message, words of the name of one
_EDGES = ".,:;!?\"'“”‘’()[]*"


@dataclass(frozen=True)
class Thing:
    """What is asked for, by the words of its name: "teak bench" of "a teak bench for two"."""

    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its name."""
        return " ".join(self.words)

    @cached_property
    def head(self) -> str:
        """The word that says what it is: the last that is no number; empty if there is none."""
        said = (word for word in reversed(self.words) if _kinds(word))
        return next(said, "")


def things_in(message: str) -> list[Thing]:
    """The things that a message asks for, or wishes to have; none if it asks for something else."""
    said = pieces(message)
    # Nor is it a wish to be told what there is where an address, or an order, is given with it.
    given = any(kind(piece) for piece in said)
    troubled = given or _TROUBLED.search(message) is not None
    found: list[Thing] = []
    for piece in said:
        if _PRICE_OF_IT.fullmatch(piece):
            continue
        once = _THERE_AGAIN.sub(r"\1", piece)
        asked = [] if recollects(once) else _things(once, troubled=troubled)
        if not asked and asks_anything(piece):
            return []
        found += asked
    things = list(dict.fromkeys(found))
    return things if len(things) <= _MOST else []


def beyond(message: str, things: Sequence[Thing]) -> set[str]:
    """The terms of what a message says beside that it asks for things."""
    named = {term for thing in things for word in thing.words for term in terms(word)}
    return {*terms(message)} - named - _ASKING - _ANYTHING


def _things(piece: str, *, troubled: bool) -> list[Thing]:
    if len(piece) > _LONGEST:
        return []
    if language_of(piece) == "zh":
        frames: tuple[re.Pattern[str], ...] = () if troubled else _WISHED_ZH
        if asks_anything(piece) or "推荐" in piece:
            frames += _ASKED_ZH
        return _first(frames, piece, _called_zh)
    return _first(_ASKED if troubled else _ASKED + _WISHED, piece, _called)


def _first(
    frames: Sequence[re.Pattern[str]], piece: str, called: Callable[[str], list[Thing]]
) -> list[Thing]:
    """The things of the first frame that has some."""
    matches = (frame.search(piece) for frame in frames)
    return next((things for m in matches if m is not None and (things := called(m["thing"]))), [])


def _called(text: str) -> list[Thing]:
    """The names in what follows "do you sell"; none if one is anybody's, or more is asked."""
    found = []
    for part in _PARTS.split(text):
        if _CLAUSE.match(part):
            if {*terms(part)} - _ASKING - _ANYTHING:
                return []
            continue
        words = [word.strip(_EDGES) for word in part.split()]
        while words and (words[0].casefold() in _BEFORE or words[0].isdigit()):
            del words[0]
        if words and words[0].casefold() in _OWNED:
            return []
        end = next((n for n, word in enumerate(words) if word.casefold() in _ENDS), len(words))
        thing = Thing(tuple(word for word in words[:end] if terms(word)))
        if thing.head and len(thing.words) <= _NAME:
            found.append(thing)
    return found


def _called_zh(text: str) -> list[Thing]:
    """The same of Chinese, where what stands before 的 says more of the thing."""
    if re.search(r"[\u4e00-\u9fff]", text) is None:
        return _called(text)
    if "我" in text:
        return []
    found = []
    for part in _PARTS_ZH.split(text):
        name = _MEASURE_ZH.sub("", part.strip().rstrip("的吗呢么呀啊")).rpartition("的")[2]
        name = _MEASURE_ZH.sub("", name)
        if len(name) >= _LEAST_ZH and terms(name):
            found.append(Thing((name,)))
    return found


def _kinds(word: str) -> set[str]:
    """The terms of a word that may say what a thing is."""
    letters = {term for term in terms(word) if len(term) > 1 and not term[0].isdigit()}
    return letters - _ANYTHING
