"""The prompt keeps its beginning: a model's server reads only what is new."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory import (
    open_store,
)
from memory.wording import ENGLISH
from tests.dialogue import STEP, TOPICS, conversation, plain, told_before


@given(steps=st.lists(STEP, min_size=2, max_size=14), way=st.sampled_from(["chain", "service"]))
@settings(max_examples=60)
def test_between_folds_each_prompt_begins_with_the_one_before(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any], way: str
) -> None:
    """Whatever is said, recalled, broken off, digested or restarted in between: as long as the
    summary is the same, a prompt begins with the whole of the last one, and adds what is new.
    A question that got no answer is joined by the next one in the same message.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('prompt') / 'memory.db'}"
    store = open_store(url)
    told_before(store)
    memory = conversation(store)
    last: tuple[int, list[tuple[str, str]], bool] | None = None
    for topic, words, status, then in steps:
        question = f"what of my {topic} " + "please " * words
        if way == "chain":
            layout = memory.layout(question)
            prompt = memory.prompt(question)
            assert plain(layout.messages) == plain(prompt)
        else:
            turn = memory.start(question)
            layout = memory.layout(question, turn)
            prompt = layout.messages
        version = memory.summary.current().version
        if last is not None and last[0] == version:
            _, before, answered = last
            sent = plain(prompt)
            if answered:
                assert sent[: len(before)] == before
                assert len(sent) == len(before) + 2
            else:
                assert sent[: len(before) - 1] == before[:-1]
                assert sent[-1][1].startswith(before[-1][1] + "\n")
        answer = "" if status == "silent" else f"the {topic} " + "is fine " * words
        if way == "chain":
            answer = answer or "well"
            memory.save_context({"input": question}, {"output": answer})
        else:
            memory.finish(turn, answer, "failed" if status == "silent" else status, layout)
        last = version, plain(prompt), bool(answer)
        if then == "digest":
            memory.digest()
        elif then == "restart":
            store.close()
            store = open_store(url)
            memory = conversation(store)
    store.close()


def test_a_fold_takes_whole_turns_down_to_half(sqlite_url: str) -> None:
    """When the messages have outgrown their share the older half goes, in one step, at a question;
    the summary stands for what went, and the window takes some turns to fill again.
    """
    with open_store(sqlite_url) as store:
        memory = conversation(store, recall_tokens=0)
        most = memory.summary.window_tokens
        folds, sizes = [], []
        for n in range(60):
            memory.save_context(
                {"input": f"my parcel {n} to street {n} is late, where is it?"},
                {"output": f"parcel {n} is in the depot of street {n}"},
            )
            before = memory.summary.current()
            memory.digest()
            summary = memory.summary.current()
            window = memory.summary.window(summary)
            sizes.append(sum(s.message.tokens for s in window))
            assert window[0].message.role == "human"
            if summary.version != before.version:
                folds.append(n)
                assert most / 2 - 40 < sizes[-1] <= most / 2
        assert max(sizes) <= most
        assert len(folds) > 3
        assert min(b - a for a, b in pairwise(folds)) > 2, "not a window that slides"


def test_the_beginning_is_what_the_next_prompt_begins_with(sqlite_url: str) -> None:
    """What a model reads ahead, after a fold, is the beginning of whatever is asked next."""
    with open_store(sqlite_url) as store:
        told_before(store)
        memory = conversation(store)
        for n in range(25):
            question = f"what of my {TOPICS[n % 6]} number {n}"
            memory.prompt(question)
            memory.save_context({"input": question}, {"output": f"number {n} is fine"})
            memory.digest()
            ahead = plain(memory.beginning())
            assert plain(memory.prompt("and now?"))[: len(ahead)] == ahead
        assert memory.summary.current().version > 2
        assert ENGLISH.summary in memory.beginning()[0].text
