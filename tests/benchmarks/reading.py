"""How well a model reads what memory gives it: customers who come back and ask.

Sixty hand-written customers say something of themselves in one session and ask for it in another,
in other words; the service's own prompt is laid out for each question, and a model's answer is
right if it contains what was said. Ten ask for what they never said: then an answer is right
that says no ("not", "no", "unable", ...) and names no number.

    python -m tests.benchmarks.reading [--model embedded: --model ADAPTER] [--quoting]

Prints, for each model, the share of right answers, and of those whose answer stood in the prompt.
With ``--quoting`` also of the service's as it comes: a question for what was said before is
answered by quoting that (``app/templates/quoting.py``), and the others by each model, of whose
answers nothing is said that nobody said (``checking.py``): those that are passed on are counted,
and those that are neither right nor that; here all that the agents said was said by people, as
where conversations were imported.
The customers were written by somebody who had not seen the made-up ones that models learn from.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from app.conversation import conversation_memory
from app.embeddings import open_embeddings
from app.evaluation.candidates import open_candidate
from app.settings import Settings
from app.templates.checking import Checked, grounds
from app.templates.quoting import Quoting
from app.templates.template import PASSED_ON
from app.training.dialogues import read_dialogues
from app.training.play import Exchange, day_of, play
from app.training.scores import admits, contains
from app.understanding.opening import open_understanding
from memory import Scope, open_store
from tests.benchmarks.report import Report

DATA = Path(__file__).with_name("returning.jsonl")


def asked(settings: Settings, limit: int | None) -> list[tuple[Exchange, str | None]]:
    """Each question with the prompt of its turn, and what a right answer contains."""
    lines = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()[:limit]]
    values = {line["id"]: line["asked"] for line in lines}
    encoder = open_embeddings(settings.embeddings)
    played = play(islice(read_dialogues([DATA]), limit), settings, encoder=encoder)
    return [
        (exchanges[place], value)
        for dialogue, exchanges in played
        for place, value in values[dialogue.id]
    ]


class Served(NamedTuple):
    """How a question is answered: by a quote, or by a model whose answer is checked."""

    quote: str | None
    checked: Checked

    def answer(self, said: str) -> str:
        """The answer, where the model says that."""
        return self.quote or asyncio.run(_through(self.checked, said))

    @property
    def passed_on(self) -> bool:
        """Whether a person is asked, once it was answered."""
        return self.quote is None and self.checked.layout.template == PASSED_ON


async def _through(checked: Checked, said: str) -> str:
    async def chunks() -> AsyncGenerator[AIMessageChunk, None]:
        yield AIMessageChunk(content=said)

    return "".join([str(chunk.text) async for chunk in checked.chunks(chunks())])


def served(settings: Settings, limit: int | None) -> list[Served]:
    """How the service answers each question."""
    encoder, classifier = open_embeddings(settings.embeddings), open_understanding("embedded:")
    assert classifier is not None
    quoting, found = Quoting(encoder), list[Served]()
    places = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()[:limit]]
    with open_store("sqlite://") as store:
        for dialogue, line in zip(read_dialogues([DATA]), places, strict=False):
            values, turn = Counter(place for place, _ in line["asked"]), 0
            for number, exchanges in enumerate(dialogue.sessions()):
                scope = Scope(customer=dialogue.id, session=str(number))
                memory = conversation_memory(store, scope, settings, encoder)
                for question, answer in exchanges:
                    if values[turn]:
                        (labels,), layout = classifier.read([question]), memory.layout(question)
                        ready = quoting.answer(memory, question, labels, layout)
                        rests_on = grounds(memory, question, layout)
                        found += [
                            Served(
                                ready and ready.text, Checked(question, labels, layout, rests_on)
                            )
                            for _ in range(values[turn])
                        ]
                    said, at = [HumanMessage(question), AIMessage(answer)], day_of(dialogue, number)
                    memory.add_messages(said, [at, at])
                    memory.digest()
                    turn += 1
    return found


def main() -> None:
    """Measure the models and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="as `evaluate reply` takes it")
    parser.add_argument("--limit", type=int, help="only the first customers")
    parser.add_argument("--json", type=Path, help="write what was found to this file")
    parser.add_argument("--quoting", action="store_true", help="also with what is quoted")
    parser.add_argument("--show", action="store_true", help="print each answer")
    given = parser.parse_args()
    settings, report = Settings(), Report("reading", given)
    questions = asked(settings, given.limit)
    texts = ["\n".join(str(m.text) for m in exchange.prompt) for exchange, _ in questions]
    known = [i for i, (_, value) in enumerate(questions) if value is not None]
    there = [i for i in known if contains(texts[i], str(questions[i][1]))]
    unknown = [i for i, (_, value) in enumerate(questions) if value is None]
    print(
        f"{len(known)} facts asked for, {len(there)} of them in the prompt; {len(unknown)} unsaid"
    )
    report.figure("facts in the prompt", len(there) / len(known), "", better="more", noise=0)
    said = [each.quote for each in served(settings, given.limit)] if given.quoting else None
    if said is not None:
        right = [contains(said[i] or "", str(questions[i][1])) for i in known]
        print(f"{sum(said[i] is not None for i in known)} facts quoted, {sum(right)} rightly")
    for name in given.model or ["embedded:"]:
        answers = open_candidate(name, settings).answer([one.prompt for one, _ in questions])
        _tell(report, name, answers, questions, there)
        if given.show:
            for i, (exchange, value) in enumerate(questions):
                print(f"  {exchange.prompt[-1].text!r}\n    {value!r}: {answers[i]!r}")
        if said is None:
            continue
        both = [quote or answer for quote, answer in zip(said, answers, strict=True)]
        _tell(report, f"{name}, quoting", both, questions, there)
        services = served(settings, given.limit)
        whole = [one.answer(answer) for one, answer in zip(services, answers, strict=True)]
        _tell(report, f"{name}, as it comes", whole, questions, there)
        wrong = {i for i in known if not contains(whole[i], str(questions[i][1]))}
        passed = {i for i, one in enumerate(services) if one.passed_on}
        print(f"{name}, as it comes: {len(wrong)} facts are not in the answer, of them "
              f"{len(wrong & passed)} passed on to a person")  # fmt: skip
        report.figure(f"{name}, as it comes: answered wrongly", len(wrong - passed), "", noise=0)
    report.write(given.json)


def _tell(
    report: Report,
    name: str,
    answers: list[str],
    questions: list[tuple[Exchange, str | None]],
    there: list[int],
) -> None:
    """Print how many answers are right, ``there`` being where what is asked stood in the prompt."""
    known = [i for i, (_, value) in enumerate(questions) if value is not None]
    unknown = [i for i, (_, value) in enumerate(questions) if value is None]
    right = {i for i in known if contains(answers[i], str(questions[i][1]))}
    shares = {
        "of all facts": len(right) / len(known),
        "of those in the prompt": len(right.intersection(there)) / max(1, len(there)),
        "of the unsaid admitted": sum(admits(answers[i]) for i in unknown) / max(1, len(unknown)),
    }
    print(f"{name}: " + ", ".join(f"{share:.2f} {of}" for of, share in shares.items()))
    for of, share in shares.items():
        report.figure(f"{name}: {of}", share, "", better="more", noise=0)


if __name__ == "__main__":
    main()
