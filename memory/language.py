"""Which language somebody writes: English, Chinese or another, by script and commonest words.

Cheap, the same each time, and silent where too little is said to tell: an order number is in no
language.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal, get_args

Language = Literal["en", "zh", "other"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_FEWEST_LETTERS = 4
_HAN_WEIGHS = 3  # Latin letters that say as much as one Chinese character
_IN_A_ROW = 2  # messages in another language, after which the conversation is in that

_ENGLISH = frozenset(
    "the and you your my it is was are were have has had not what when where why how who which "
    "this that these those with from for of to can could would will please thanks thank hello "
    "i'm i've don't didn't can't isn't it's of they we our been did does do at there about".split()
)
# The commonest words of other languages in Latin letters, less those that English has too.
_OTHERS = frozenset(
    # Spanish, Portuguese
    "el los las una unos que del por para con mi mis su está estoy pero como cuándo cuando dónde "
    "qué gracias hola pedido muy más ya lo os uma não meu minha você com obrigado obrigada onde "
    "quando está isso seu foi é "
    # French, Italian
    "le les des une je tu il elle nous vous est sont pas et mon ma mes votre pour avec dans sur "
    "merci bonjour où quand c'est j'ai qu'est il gli di che non è sono mio della per grazie ciao "
    "dove quando ho "
    # German, Dutch
    "der das den dem ein eine ich sie wir ihr ist sind nicht und mein meine für mit auf auch wann "
    "wo danke bitte habe wird noch het een ik je jij niet mijn voor met waar wanneer bedankt zijn "
    "heb hebt nog wel maar "
    # Polish, Turkish
    "nie jest się mój moja proszę dziękuję kiedy gdzie czy jak że na dla mam bir ve bu benim için "
    "ne nerede zaman değil var yok teşekkürler merhaba siparişim".split()
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CODE = re.compile(r"https?://[!-~]+|[!-~]{0,64}[@\d][!-~]*")  # addresses and numbers are in none
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3041-\u30ff]")

# By the hashes of texts: nothing that was said is kept here.
_found: dict[int, Language | None] = {}
_MOST_FOUND = 8192


def language_of(text: str) -> Language | None:
    """The language of a text; None if too little is said to tell."""
    key = hash(text)
    if key not in _found:
        if len(_found) >= _MOST_FOUND:
            _found.clear()
        _found[key] = _read(text)  # a turn asks for each message of its window again
    return _found.get(key)


def _read(text: str) -> Language | None:
    text = _CODE.sub(" ", text)
    if not text.isascii():
        han = len(_HAN.findall(text))
        kana = len(_KANA.findall(text))
        letters = [c for c in text if c.isalpha()]
        latin = sum(map(_latin, letters))
        if han + kana > 1 and _HAN_WEIGHS * (han + kana) >= latin:
            return "zh" if 5 * kana < han else "other"
        if len(letters) < _FEWEST_LETTERS:
            # A word of another script is two or three letters long.
            return "other" if len(letters) > 1 and not latin else None
        if 2 * latin < len(letters):
            return "other"
    words = [word.replace("’", "'") for word in _WORD.findall(text.lower())]
    if sum(map(len, words)) < _FEWEST_LETTERS:
        return None
    english = sum(word in _ENGLISH for word in words)
    others = sum(word in _OTHERS for word in words)
    if english == others:
        return None
    return "en" if english > others else "other"


def spoken(texts: Iterable[str], before: Language | None = None) -> Language | None:
    """The language in which somebody goes on, who has said ``texts`` after what was ``before``.

    It is that of the first message that has one, until several in a row are in another: a number,
    a name or a quoted line changes nothing. What was said once decides the same each time.
    """
    held, others = before, 0
    for text in texts:
        found = language_of(text)
        if found is None:
            continue
        others = 0 if found == held else others + 1
        if held is None or others == _IN_A_ROW:
            held, others = found, 0
    return held


def _latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")
