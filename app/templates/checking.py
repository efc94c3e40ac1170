"""A model's answer, sentence by sentence: what it claims without any ground is not said.

A small model says that it has cancelled an order, and what a delivery costs. Its answer ends before
the first sentence that claims what neither the customer nor the firm has said; and who is left with
a wish, a question or a trouble is told that a person is asked (``passing``).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator
from dataclasses import replace

from langchain_core.messages import AIMessageChunk

from app.templates.answering import generated
from app.templates.passing import noted, passed_on
from app.templates.quotes import whose
from app.templates.template import NOTED, PASSED_ON, QUOTED, UNKNOWN
from app.templates.wishes import wish_of
from memory import ConversationMemory, Labels, Layout
from memory.claims import Claim, claim
from memory.grounds import Grounds
from memory.language import language_of
from memory.questions import asks, recollects
from memory.sentences import split
from memory.transcript import Said

_SHORT = 20  # characters of a courtesy that may be said twice
_OWN = re.compile(r"\b(?:i|me|my|mine|we|us|our)\b|我", re.IGNORECASE)


def grounds(memory: ConversationMemory, message: str, layout: Layout) -> Grounds:
    """What the prompt for a message has that a claim may rest on; no model's answer is."""
    answers = generated(memory, [one for one in layout.recalled if one.role == "ai"])
    own, spoken = [message, layout.summary], list[str]()
    written = [passage.text for passage in layout.evidence or ()]
    for one in layout.recalled:
        if one.role == "human":
            own.append(one.text)
        elif not any((one.session, said) in answers for said in one.messages):
            spoken.append(one.text)
    lists = {"customer": own, "agent": spoken, "article": written}
    for said in layout.window:
        text = said.message.text
        if said.message.role == "human":
            own.append(text)
        elif said.template == QUOTED:
            for line in text.splitlines():
                lists[whose(line)].append(line)
        elif said.status is None or said.message.by_person:
            spoken.append(text)
        elif said.template not in (None, NOTED, PASSED_ON, UNKNOWN):  # the shop's own
            written.append(text)
    return Grounds(tuple(filter(None, own)), tuple(written), tuple(spoken))


class Checked:
    """One answer of a model, as it may be said.

    Args:
        message: that it answers.
        labels: what a classifier says of the message; None where it was not read.
        layout: the prompt for it.
        grounds: what it may rest on.
        told: what the shop says where something is passed on, in place of the words here.
    """

    def __init__(
        self,
        message: str,
        labels: Labels | None,
        layout: Layout,
        grounds: Grounds,
        told: str | None = None,
    ) -> None:
        self.layout = layout  # its template is set where another text stands in the answer's place
        self._message = message
        self._grounds = grounds
        self._wish = wish_of(message, labels)
        self._language = language_of(message)
        self._of_own = (
            recollects(message) or _OWN.search(message) is not None or bool(layout.evidence)
        )
        self._told = told
        last = next((s.message.text for s in reversed(layout.window) if _is_answer(s)), "")
        self._before = frozenset(map(str.strip, split(last)))
        self._claims: list[Claim] = []
        self._said = ""
        self._answered = False

    async def chunks(
        self, said: AsyncGenerator[AIMessageChunk, None]
    ) -> AsyncGenerator[AIMessageChunk, None]:
        """The sentences of an answer that may be said, then what is said in place of the rest.

        The model is stopped where its answer ends.
        """
        held, cut, begun = "", False, False
        async with contextlib.aclosing(said) as chunks:
            async for chunk in chunks:
                ready, held, cut = self._ready(held + str(chunk.text))
                begun = begun or bool(ready)
                yield chunk.model_copy(update={"content": ready})
                if cut:
                    break
        if held.strip() and not cut:
            if self._may_say(held):
                begun = True
                yield AIMessageChunk(content=held)
            else:
                cut = True
        if (instead := self._instead(begun=begun)) is not None:
            space = " " if begun and self._language != "zh" else ""
            yield AIMessageChunk(content=space + instead)
        if cut:
            yield AIMessageChunk(content="", response_metadata={"finish_reason": "stop"})

    def _ready(self, text: str) -> tuple[str, str, bool]:
        """What of a text may be said, its last sentence, which may go on, and whether it is cut."""
        end = 0
        for sentence in split(text)[:-1]:
            if not self._may_say(sentence):
                return text[:end], "", True
            end = text.index(sentence, end) + len(sentence)
        return text[:end], text[end:], False

    def _may_say(self, sentence: str) -> bool:
        if self._language == "zh" and language_of(sentence) == "en":
            return False  # who asks in Chinese is not answered in English
        found = claim(sentence, self._grounds)
        if found != "asks" and sentence.strip() in self._before and len(sentence) > _SHORT:
            found = "unsupported"  # a small model says the same again and again
        self._claims.append(found)
        if found != "unsupported":
            self._said += sentence
        # What the customer has said answers nothing that is asked of the firm.
        if found == "supported" and (self._of_own or self._grounds.ruled(sentence)):
            self._answered = True
        return found != "unsupported"

    def _instead(self, *, begun: bool) -> str | None:
        """What is to be said in place of what may not be, or of what was not done."""
        asked_back = "asks" in self._claims and not self._asked_before()
        if self._wish is None:
            if begun:
                return None
            self.layout = replace(self.layout, template=NOTED)
            return noted(self._message)
        answered = self._answered and self._wish == "knowledge"
        if begun and (asked_back or answered):
            return None
        self.layout = replace(self.layout, template=PASSED_ON)
        return passed_on(self._message, self._wish, self.layout, self._told, self._said)

    def _asked_before(self) -> bool:
        """Whether the last answer has asked something: nobody is asked on and on."""
        return any(map(asks, self._before))


def _is_answer(said: Said) -> bool:
    return said.message.role == "ai"
