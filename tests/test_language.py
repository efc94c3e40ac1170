"""Which language somebody writes, and in which a conversation is held."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory.embeddings import embedded
from memory.language import Language, language_of, spoken
from tests.benchmarks import chinese

ENGLISH = [
    "Where is my order?",
    "My parcel has not arrived yet, can you help me?",
    "I'd like to return the shoes that I bought",
    "No, do me a favour and send it to the hotel in La Paz",
    "Thanks, that was quick!",
    "please cancel it",
]
OTHERS = [
    "注文はどこですか",
    "Где мой заказ?",
    "أين طلبي؟",
    "คำสั่งซื้อของฉันอยู่ที่ไหน",
    "내 주문은 어디에 있나요?",
    "¿Dónde está mi pedido?",
    "Mi pedido no ha llegado todavía, me pueden ayudar por favor",
    "Je n'ai pas reçu mon colis, pouvez-vous m'aider",
    "Ich habe mein Paket noch nicht bekommen",
    "Il mio pacco non è arrivato",
    "Onde está a minha encomenda?",
    "Waar is mijn bestelling, ik heb nog niets ontvangen",
    "Gdzie jest moja paczka?",
    "Siparişim nerede, bu ne zaman gelir?",
]

CHINESE = [
    "我的订单在哪里？",
    "你好",
    "我在 Amazon 买的 iPhone 还没有收到，请问什么时候发货？",
    "訂單 4417-XZ 還沒到貨",
    "退货",
    "请发到 ada.lovelace@example.org",
    "order 4417-XZ 还没到",
]
FOREIGN = [*OTHERS, *CHINESE]


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_known(text: str) -> None:
    """By its commonest words."""
    assert language_of(text) == "en"


@pytest.mark.parametrize("text", CHINESE)
def test_chinese_is_known(text: str) -> None:
    """By its script, with names in Latin letters in it too."""
    assert language_of(text) == "zh"


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_neither_is_known(text: str) -> None:
    """By its script, or by the commonest words of its language."""
    assert language_of(text) == "other"


@pytest.mark.parametrize("text", ["", "ok", "4417-XZ", "👍", "!!", "12:30", "Ada Lovelace", "あ"])
def test_too_little_says_nothing(text: str) -> None:
    """A number, a name or a sign is in no language."""
    assert language_of(text) is None


@given(st.text(max_size=60))
def test_letters_alone_decide(text: str) -> None:
    """Digits and signs around a text change nothing, and no text is too odd."""
    assert language_of(f"?? {text} 42!") == language_of(text)


ZH, EN, NEITHER = "我的订单还没有到", "Where is my order?", "4417-XZ"


@pytest.mark.parametrize(
    ("said", "language"),
    [
        ([], None),
        ([NEITHER, "ok"], None),
        ([NEITHER, ZH], "zh"),
        ([ZH, NEITHER, "AB-20931", "ok"], "zh"),
        ([ZH, "Error 404: the page was not found on this server", ZH], "zh"),
        ([ZH, EN, ZH, EN, ZH], "zh"),
        ([EN, ZH, EN], "en"),
        ([EN, ZH, ZH], "zh"),
        ([ZH, EN, NEITHER, EN], "en"),
        (["Hola, ¿dónde está mi pedido?", "Gracias"], "other"),
    ],
)
def test_a_conversation_is_in_the_language_that_is_gone_on_in(
    said: list[str], language: Language | None
) -> None:
    """The first that is told decides, until two messages in a row are in another."""
    assert spoken(said) == language


@given(st.lists(st.sampled_from([ZH, EN, NEITHER]), max_size=12), st.sampled_from(["zh", "en"]))
def test_one_message_more_changes_the_language_seldom(said: list[str], before: Language) -> None:
    """It never changes twice in a row, so a prompt's beginning is not read again and again."""
    held = [spoken(said[:n], before) for n in range(len(said) + 1)]
    changes = [n for n in range(1, len(held)) if held[n] != held[n - 1]]
    assert all(later - earlier >= 2 for earlier, later in pairwise(changes))
    assert held[0] == before


def test_what_was_said_in_chinese_is_found_by_its_words() -> None:
    """The embedded embedding model reads English alone, and so the words decide."""
    messages, same, _ = zip(*chinese.SAID, strict=True)
    memory = chinese.memory_of(embedded(), messages)
    assert chinese.recall_at(chinese.places(memory, same), 3) == 1
    memory.store.close()
