"""Tokens are counted as the embedded language model counts them."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI

from app.llm import open_llm
from app.llm.embedded import model_path
from memory import tokens
from memory.tokens import count_tokens, main

TEXTS = [
    "", " ", "  ", "\n", "\n\n\n", "\t\t x", " leading", "trailing ", "a  b   c    d", "\r\n\r\n",
    "Hello, world!", "Where is my order 58231? It was due on 12 March.", "it's we're I'll they'd",
    "IT'S WE'RE", "don’t", "0", "007", "3.14159", "1,299.99 €", "2026-11-23T07:48:45Z", " 42 ",
    "x86_64", "²³½Ⅷ", "٣٤٥", "१२३", "🙂", "👍🏽👩‍👩‍👧‍👦🇪🇺", "text 🙂 text", "订单什么时候到？",
    "第12345号订单", "返品したいのですが", "주문이 어디에 있나요", "أين طلبي؟", "איפה ההזמנה",
    "ไทยไม่มีวรรค", "ñandú café ÀÉÎÕÜ straße", "e\u0301 combining", "zero\u200bwidth",
    "\u00a0nbsp\u3000wide", "def total(xs):\n    return sum(x.price for x in xs)\n",
    "if (a&&b||!c){d[i++]=~e;}",
    "<html><body class=\"x\">&amp;</body></html>", "SELECT * FROM t WHERE id = 'x' -- hi",
    "https://example.com/a?b=c&d=%20e#f", "<|im_start|>user\nhi<|im_end|>", "<|endoftext|>",
    "\x01\x02\x7f control", "\ufffd\ufeff", "a" * 500, "word " * 300, "The parcel was late. " * 50,
    "..........", "-" * 80, "ABCdefGHI", "supercalifragilisticexpialidocious antidisestablishment",
]  # fmt: skip


@pytest.fixture(scope="module")
def llama() -> Iterator[httpx.Client]:
    """The embedded model's own server."""
    model = open_llm("embedded:", context=512, slots=1)
    assert isinstance(model.chat, ChatOpenAI)
    assert model.chat.openai_api_base
    key = model.chat.openai_api_key
    assert hasattr(key, "get_secret_value")
    with httpx.Client(
        base_url=model.chat.openai_api_base.removesuffix("/v1"),
        headers={"Authorization": f"Bearer {key.get_secret_value()}"},
        trust_env=False,
        timeout=60,
    ) as client:
        yield client
    model.close()


def test_counts_are_those_of_llama_cpp(llama: httpx.Client) -> None:
    """Fifty varied texts have exactly the tokens that the model's server counts."""
    assert len(TEXTS) >= 50
    theirs = {}
    for text in TEXTS:
        answer = llama.post("/tokenize", json={"content": text, "add_special": False})
        theirs[text] = len(answer.raise_for_status().json()["tokens"])
    assert {text: count_tokens(text) for text in TEXTS} == theirs


def test_the_tokenizer_in_the_package_is_the_models_own(tmp_path: Path) -> None:
    """Derived again from the model's file, it is the same byte for byte."""
    main(str(model_path()), str(tmp_path / "again.json.gz"))
    packaged = files("memory").joinpath("data", "smollm2-tokenizer.json.gz").read_bytes()
    again = (tmp_path / "again.json.gz").read_bytes()
    assert gzip.decompress(again) == gzip.decompress(packaged)


def test_no_text_is_an_error() -> None:
    """Lone surrogates are counted as the replacement that is stored for them."""
    assert count_tokens("") == 0
    assert count_tokens("broken \ud83d surrogate") == count_tokens("broken ? surrogate")


def test_threads_count_alike() -> None:
    """Many threads at once get the counts that one thread gets."""
    expected = [count_tokens(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        for counts in pool.map(lambda _: [count_tokens(text) for text in TEXTS], range(16)):
            assert counts == expected


def test_counting_a_message_takes_less_than_a_tenth_of_a_millisecond() -> None:
    """Budgets are counted inside a turn: 200 characters take well under 100 µs."""
    text = (TEXTS[11] + " The parcel was late again, and nobody answers the phone. ") * 2
    text = text[:200]
    count_tokens(text)
    fastest = 1.0
    for _ in range(200):
        began = time.perf_counter()
        count_tokens(text)
        fastest = min(fastest, time.perf_counter() - began)
    assert fastest < 100e-6


ascii_text = st.text(st.characters(max_codepoint=127), max_size=60)
pieces = st.lists(
    st.sampled_from(
        ["don't", " we'll", "'S", "  ", "\n", "\t", " \n ", "a", " AB-1000", "12.50", "it's ", "!?",
         "<|", "<|im_start|>", "|>", "_x", "\x1c", "\x0b", "\x00", "user@example.org", " 5 "]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@settings(max_examples=1000)
@given(st.one_of(ascii_text, pieces))
def test_counting_by_pieces_is_counting(text: str) -> None:
    """Whatever the ASCII text, pieces known or not, it is the tokenizer's own count."""
    assert tokens._by_pieces(text) == tokens._count(text)
    assert tokens._by_pieces(text) == tokens._count(text)
