"""Training sequences are what the service would send, token by token."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from langchain_core.messages import convert_to_openai_messages

from app.conversation import conversation_memory
from app.settings import Settings
from app.training.dialogues import Dialogue, Said, in_sessions
from app.training.play import day_of
from app.training.returning import returning
from app.training.sequences import IGNORED, Sequence, sequences
from memory import InvalidInput, Scope, open_store
from memory.clock import from_then
from tests.doubles import WordEncoder

CHATML = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """SmolLM2's words in transformers' form, with its chat template."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    data = files("memory").joinpath("data", "smollm2-tokenizer.json.gz").read_bytes()
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_buffer(gzip.decompress(data)),
        chat_template=CHATML,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
    )


QUICKLY = (Phase.explicit, Phase.reuse, Phase.generate)  # a dialogue takes long to shrink
SETTINGS = Settings(system="Be kind.")
TIGHT = Settings(system="Be kind.", prompt_tokens=320, summary_tokens=50, recall_tokens=60)

SENTENCES = st.sampled_from(
    [
        "Where is my parcel?", "My order number is 4417-XZ.", "Sorry, I meant order 4418-XZ.",
        "No, the order number is 5519-AB, not 4418-XZ.", "My name is Ada.", "你好，我的订单呢？",
        "It was to come on Monday, and nobody has told me why it did not, which is annoying.",
        "Could you look into it, please? The lamp is broken and I need it for the shop.",
        "café 🙂", "What was my order number?", "Thank you!", "A\n\nB",
    ]
)  # fmt: skip
EXCHANGES = st.lists(
    st.tuples(st.lists(SENTENCES, min_size=1, max_size=4).map(" ".join), SENTENCES),
    min_size=1,
    max_size=9,
)


def dialogue(exchanges: list[tuple[str, str]], name: str = "d") -> Dialogue:
    """A dialogue of questions and answers."""
    turns = [
        Said(role, text)  # type: ignore[arg-type]
        for pair in exchanges
        for role, text in zip(("customer", "agent"), pair, strict=True)
    ]
    return Dialogue(name, tuple(turns), "")


def served(customer: Dialogue, settings: Settings, tokenizer: Any) -> Any:
    """The ids of each prompt as the chain sends them, and what is answered."""
    found = []
    with open_store("sqlite://") as store:
        for number, exchanges in enumerate(customer.sessions()):
            scope = Scope("ada", f"s{number}")
            memory = conversation_memory(store, scope, settings, WordEncoder())
            for question, answer in exchanges:
                with from_then(day_of(customer, number)):
                    turn = memory.start(question)
                    layout = memory.layout(question, turn)
                    messages = convert_to_openai_messages(layout.messages)
                    ids = tokenizer.apply_chat_template(
                        messages, add_generation_prompt=True, return_dict=False
                    )
                    memory.finish(turn, answer, "complete", layout)
                    memory.digest()
                taught = tokenizer(f"{answer}<|im_end|>", add_special_tokens=False)["input_ids"]
                found.append((ids, taught))
    return found


def taught(made: list[Sequence]) -> list[tuple[list[int], list[int]]]:
    """Each run of labels with the ids before it."""
    found = []
    for one in made:
        assert len(one.ids) == len(one.labels)
        places = [i for i, label in enumerate(one.labels) if label != IGNORED]
        assert all(one.labels[i] == one.ids[i] for i in places)
        for i in places:
            if i - 1 not in places:
                end = next(j for j in range(i, len(one.ids) + 1) if j not in places)
                found.append((one.ids[:i], one.ids[i:end]))
    return found


@hypothesis_settings(
    max_examples=25,
    phases=QUICKLY,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(EXCHANGES, st.sampled_from([SETTINGS, TIGHT]))
def test_the_ids_up_to_each_answer_are_those_of_the_service_s_prompt(
    tokenizer: Any, exchanges: list[tuple[str, str]], settings: Settings
) -> None:
    """Whatever is folded, recalled and corrected, every answer is taught after its own prompt."""
    one = dialogue(exchanges)
    made = list(sequences([one], tokenizer, settings, encoder=WordEncoder()))
    assert taught(made) == served(one, settings, tokenizer)


@hypothesis_settings(
    max_examples=10,
    phases=QUICKLY,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(EXCHANGES, min_size=2, max_size=3))
def test_what_a_customer_said_in_earlier_sessions_is_remembered(
    tokenizer: Any, sittings: list[list[tuple[str, str]]]
) -> None:
    """A customer's sessions are played one after the other, as they are served."""
    sessions = [dialogue(exchanges).turns for exchanges in sittings]
    customer = in_sessions("c", sessions, "test")
    made = list(sequences([customer], tokenizer, SETTINGS, encoder=WordEncoder()))
    assert taught(made) == served(customer, SETTINGS, tokenizer)


def test_they_are_the_same_on_another_day(tokenizer: Any) -> None:
    """Else a training that was begun yesterday could not be resumed; dialogues differ in theirs."""
    customers = list(returning(3))
    made = []
    for year in (2026, 2031):
        with from_then(datetime(year, 3, 1, tzinfo=UTC)):
            made.append(list(sequences(customers, tokenizer, SETTINGS, encoder=WordEncoder())))
    assert made[0] == made[1]
    assert "<memory>" in tokenizer.decode(made[0][1].ids)
    assert len({day_of(one, 0) for one in customers}) == 3
    assert day_of(customers[0], 0).date() < day_of(customers[0], 1).date()


def test_a_window_is_one_sequence(tokenizer: Any) -> None:
    """Without a fold there is one, however many answers it has; every fold begins another."""
    exchanges = [(f"Question {i}, and some more words to it?", "Yes.") for i in range(30)]
    (one,) = sequences([dialogue(exchanges)], tokenizer, SETTINGS, encoder=WordEncoder())
    assert sum(label == tokenizer.eos_token_id for label in one.labels) == 30
    several = list(sequences([dialogue(exchanges)], tokenizer, TIGHT, encoder=WordEncoder()))
    assert 1 < len(several) < 20
    taught_tokens = [sum(label != IGNORED for label in one.labels) for one in (one, *several)]
    assert taught_tokens[0] == sum(taught_tokens[1:])
    assert "Summary of the conversation so far" in tokenizer.decode(several[-1].ids)


def test_without_memory_every_prompt_is_the_question_alone(tokenizer: Any) -> None:
    """Neither what was said before nor what is remembered is in it."""
    exchanges = [("My order is 4417-XZ.", "Noted."), ("Which one was it?", "4417-XZ.")]
    made = list(sequences([dialogue(exchanges)], tokenizer, SETTINGS, memory=False))
    assert tokenizer.decode(made[1].ids) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nWhich one was it?<|im_end|>\n"
        "<|im_start|>assistant\n4417-XZ.<|im_end|>\n"
    )
    assert len(made) == 2


def test_a_question_longer_than_the_context_ends_its_dialogue_only(
    tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What was said before it is taught, and so are the other dialogues."""
    long = dialogue([("Hello?", "Yes?"), ("word " * 9000, "Oh."), ("Bye.", "Bye.")], "long one")
    made = sequences([long, dialogue([("Hi.", "Hi.")])], tokenizer, SETTINGS, encoder=WordEncoder())
    said = [tokenizer.decode(after) for _, after in taught(list(made))]
    assert said == ["Yes?<|im_end|>", "Hi.<|im_end|>"]
    assert "long one" in caplog.text


def test_a_tokenizer_that_cannot_be_used_is_refused(tokenizer: Any) -> None:
    """One without a template, and one whose template does not go on from its own prompt."""
    from copy import copy

    bare, odd = copy(tokenizer), copy(tokenizer)
    bare.chat_template = None
    odd.chat_template = "{{ messages[-1]['content'] }}{% if add_generation_prompt %}?{% endif %}"
    for unusable, fault in ((bare, "no chat template"), (odd, "chat template writes")):
        with pytest.raises(InvalidInput, match=fault):
            list(sequences([dialogue([("a", "b")])], unusable, SETTINGS, encoder=WordEncoder()))


def test_a_template_that_rewrites_earlier_answers_is_taught_as_it_is_sent(tokenizer: Any) -> None:
    """Templates of reasoning models do so: then each answer has a sequence of its own."""
    from copy import copy

    thinking = copy(tokenizer)
    thinking.chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
        "{% if loop.last and m['role'] == 'assistant' %}{{ '<think></think>' }}{% endif %}"
        "{{ m['content'] + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
    )
    exchanges = [("Hello?", "Yes?"), ("Are you well?", "Very.")]
    made = list(sequences([dialogue(exchanges)], thinking, SETTINGS, encoder=WordEncoder()))
    said = [thinking.decode(after) for _, after in taught(made)]
    assert said == ["<think></think>Yes?<|im_end|>", "<think></think>Very.<|im_end|>"]
    assert "<think></think>Yes?" not in thinking.decode(made[1].ids)
