"""Requests made from the description by schemathesis, and what came of them."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.engine import events, from_schema

from tests.fuzz.answers import Answer, Answers, is_meant
from tests.fuzz.principals import Asking

_LONGEST = 200


@dataclass
class Found:
    """What was done, and what was wrong."""

    cases: int = 0
    by_phase: Counter[str] = field(default_factory=Counter)
    by_asking: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Fuzz:
    """Asks a service that runs whatever its description lets one ask, and more."""

    def __init__(self, address: str, document: dict[str, Any]) -> None:
        self._address = address
        self._document = _quick(document)
        self._answers = Answers(document)
        self.found = Found()

    def ask(self, asking: Asking, phases: list[str], examples: int, seed: int) -> None:
        """Let somebody ask.

        Args:
            asking: who.
            phases: of schemathesis: examples, coverage, fuzzing, stateful.
            examples: how many are made of each operation in the phases that draw them, and of
                sequences of requests in the stateful one.
            seed: the same makes the same requests.
        """
        config = SchemathesisConfig(seed=seed)
        config.output.truncation.max_recorded_payload_size = 0  # answers are looked at whole
        schema = schemathesis.openapi.from_dict(self._document, config=config)
        headers = {} if asking.carries is None else {"Authorization": asking.carries}
        schema.config.update(base_url=self._address, headers=headers, continue_on_failure=True)
        schema.config.generation.update(
            max_examples=examples, deterministic=True, no_shrink=True, database="none"
        )
        schema.config.phases.update(phases=phases)
        for event in from_schema(schema).execute():
            if isinstance(event, (events.NonFatalError, events.FatalError)):
                self.found.faults.append(f"{asking.name}: {event}")
            elif isinstance(event, events.ScenarioFinished):
                self._look(asking, event)

    def _look(self, asking: Asking, event: events.ScenarioFinished) -> None:
        recorder, found = event.recorder, self.found
        for number, interaction in recorder.interactions.items():
            operation = recorder.cases[number].value.operation
            where = f"{operation.method.upper()} {operation.path}"
            found.cases += 1
            found.by_phase[event.phase.value] += 1
            found.by_asking[asking.name] += 1
            found.routes[where] += 1
            if interaction.response is None:
                found.faults.append(f"{asking.name}: {where}: no answer")
                continue
            answer = _answer(where, interaction.request, interaction.response)
            found.statuses[answer.status] += 1
            wrong = list(self._answers.faults(asking, answer))
            for check in recorder.checks.get(number, ()):
                failed = check.failure_info
                if failed is not None and not is_meant(check.name, answer):
                    wrong.append(f"{check.name}: {failed.failure.message[:300]}")
            for what in wrong:
                asked = f"{interaction.request.uri} {(interaction.request.body or b'')[:300]!r}"
                found.faults.append(
                    f"{asking.name}: {where}: {what}\n  {asked}\n  {answer.status} "
                    f"{answer.text[:300]}"
                )


def _answer(where: str, request: Any, response: Response) -> Answer:
    method, path = where.split(" ", 1)
    carried = {name.lower(): values for name, values in request.headers.items()}
    return Answer(
        method, path, request.method == method, carried.get("authorization", [None])[0],
        response.status_code, response.headers.get("content-type", [""])[0].split(";")[0],
        response.content.decode(),
    )  # fmt: skip


def _quick(document: dict[str, Any]) -> dict[str, Any]:
    """The description without the greatest lengths of texts that also follow a pattern.

    Drawing a text of up to 32,768 characters by a pattern takes seconds. Texts that are too long
    are tried without a description (``tests.fuzz.raw``).
    """
    document = copy.deepcopy(document)
    for schema in document["components"]["schemas"].values():
        for one in schema.get("properties", {}).values():
            for text in (one, *one.get("anyOf", ())):
                if "pattern" in text and text.get("maxLength", 0) > _LONGEST:
                    del text["maxLength"]
    return document
