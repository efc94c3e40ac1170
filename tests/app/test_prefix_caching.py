"""What a model server with automatic prefix caching, such as vLLM, need not read again."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise

from tokenizers import Tokenizer

from tests.app.conftest import Running
from tests.llm.openai_double import Messages, OpenAIDouble

_TOKENIZER = files("memory") / "data/smollm2-tokenizer.json.gz"
TOKENIZER = Tokenizer.from_str(gzip.decompress(_TOKENIZER.read_bytes()).decode())
BLOCK = 16  # tokens; vLLM keeps what it has read by blocks of so many, and only whole ones
TURNS = 30
BEFORE = [
    "My order number is 4417-XZ, the reading lamp in brass.",
    "My address is 12 Rivera Street, and my phone is 0161 496 0123.",
    "I prefer to be called in the morning, after nine.",
    "The kettle that I bought in May leaks at the handle.",
    "Please send invoices to ada@example.org and not by post.",
    "The scooter's battery was replaced in July under warranty.",
]
ASKED = [
    "Can I send the lamp of order 4417-XZ back, and how long have I got?",
    "Which address do you have for me, and when would the courier come?",
    "The kettle leaks still. Is that a case for the warranty, and what do I have to send?",
    "When would you call me about it, and on which number?",
    "Where did my last invoice go? I cannot find it in any folder here.",
    "What was done with my scooter in July, and what did it cost me then?",
]
ARTICLES = {
    "returns.md": "# Returns\n\nLamps and kettles can be sent back within 30 days, unused.",
    "warranty.md": "# Warranty\n\nThe warranty of kettles covers leaks for two years. Send the "
    "kettle with its invoice.",
    "delivery.md": "# Delivery\n\nThe courier comes between 9 and 17 o'clock, and calls first.",
    "scooters.md": "# Scooters\n\nA scooter's battery is replaced for free in the first year.",
}


class Cache:
    """The blocks that a server keeps, each with all that came before it."""

    def __init__(self) -> None:
        self._blocks: set[int] = set()

    def has(self, tokens: list[int]) -> int:
        """How many of a prompt's first tokens need not be read."""
        kept = 0
        for block in _chained(tokens):
            if block not in self._blocks:
                break
            kept += BLOCK
        return kept

    def keep(self, tokens: list[int]) -> None:
        """What was read or written is there from now on."""
        self._blocks.update(_chained(tokens))


def _chained(tokens: list[int]) -> list[int]:
    found, before = [], 0
    for first in range(0, len(tokens) // BLOCK * BLOCK, BLOCK):
        before = hash((before, *tokens[first : first + BLOCK]))
        found.append(before)
    return found


def tokens_of(messages: Messages, answer: str | None = None) -> list[int]:
    """A prompt as ChatML has it, with its answer if there is one."""
    text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    ids: list[int] = TOKENIZER.encode(f"{text}<|im_start|>assistant\n{answer or ''}").ids
    return ids


def answer(messages: Messages) -> str:
    """What the model says; each time something else."""
    return f"I see, that is question {len(messages)}. I look into it, and write to you today."


def test_prompts_share_their_beginning(
    run_service: Callable[..., Running], double: OpenAIDouble
) -> None:
    """Over thirty turns with memories and passages beside the questions, a prompt begins, as
    blocks of tokens, with at least 0.95 of the one before it, unless a fold lay between them; and
    another customer's first prompt with the system text that all have.
    """
    double.reply = answer
    service = run_service(llm=double.url)
    for source, text in ARTICLES.items():
        given = {"source": source, "title": source, "text": text, "format": "markdown"}
        assert service.client.post("/v1/knowledge", json=given).status_code == 200
    for said in BEFORE:
        service.chat(said, session="before")
    service.settle()
    double.requests.clear()
    for number in range(TURNS):
        more = f" It is the {number}. time that I ask." * (number // 6)
        assert service.chat(ASKED[number % 6] + more).status_code == 200
        service.settle()
    prompts = [request["messages"] for request in double.requests]
    assert len(prompts) == TURNS, "nothing else was asked of the model"
    everything = str(prompts)
    assert everything.count("</memory>") > TURNS
    assert everything.count("</knowledge>") > TURNS

    cache, shares, folds = Cache(), [], 0
    cache.keep(tokens_of(prompts[0], answer(prompts[0])))
    shared = read = 0
    for before, now in pairwise(prompts):
        was, tokens = len(tokens_of(before)), tokens_of(now)
        kept = cache.has(tokens)
        cache.keep(tokens_of(now, answer(now)))
        if now[0] != before[0]:  # the system text with its summary: a fold
            folds += 1
            continue
        assert kept > was - BLOCK, "all of it but the last block, which was not whole"
        shares.append(min(kept, was) / was)
        shared, read = shared + kept, read + len(tokens)
    print(f"{folds} folds; least share {min(shares):.3f}, of all tokens cached {shared / read:.3f}")
    assert folds
    assert min(shares) >= 0.95

    service.chat("Good morning", customer="bob")
    first = double.requests[-1]["messages"]
    assert first[0]["role"] == "system"
    assert cache.has(tokens_of(first)) >= len(tokens_of(first[:1])) - 2 * BLOCK
