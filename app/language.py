"""Whether customers write in the language that the embedding model reads.

The embedded model was trained on English. What is looked at is which script a message is in
and, for Latin letters, whose commonest words it has: cheap, the same each time, and enough to
tell English from what is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from memory import MemoryStore

_SESSIONS = 50  # the last used ones are looked at
_MESSAGES = 20  # of each, the last
_FEWEST = 20  # messages that a verdict takes
_FEWEST_LETTERS = 4

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


def is_english(text: str) -> bool | None:
    """Whether a text is English; None if too little is said to tell."""
    letters = [c for c in text if c.isalpha()]
    if len(letters) < _FEWEST_LETTERS:
        # A word of another script is two or three letters long.
        return False if len(letters) > 1 and not any(map(_latin, letters)) else None
    if 2 * sum(map(_latin, letters)) < len(letters):
        return False
    words = [word.replace("’", "'") for word in _WORD.findall(text.lower())]
    english = sum(word in _ENGLISH for word in words)
    others = sum(word in _OTHERS for word in words)
    return None if english == others else english > others


def advice(store: MemoryStore) -> str | None:
    """What to do if most of what customers wrote last is not English; None if it is."""
    verdict = count_foreign(
        said.message.text
        for scope in store.transcript.last_used(_SESSIONS)
        for said in store.transcript.newest(scope, _MESSAGES)
        if said.message.role == "human"
    )
    if verdict is None:
        return None
    foreign, judged = verdict
    return (
        f"{foreign} of the last {judged} messages of customers are not in English, which is what "
        "the embedding model reads: install langchain-memory-service[multilingual], set "
        "MEMORY_SERVICE_EMBEDDINGS=embedded:multilingual, and run `memory-service doctor "
        "--reembed`"
    )


def count_foreign(texts: Iterable[str]) -> tuple[int, int] | None:
    """How many texts are not English, of how many; None if they are few, or the fewer part."""
    judged = [verdict for text in texts if (verdict := is_english(text)) is not None]
    foreign = judged.count(False)
    if len(judged) < _FEWEST or 2 * foreign <= len(judged):
        return None
    return foreign, len(judged)


def _latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")
