"""What happens in a turn, as whoever asked is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import ToolCallChunk

from app.problems import Problem
from memory import Evidence, Labels, Recalled, Turn

Cited = list[tuple[int, Evidence]] | None


@dataclass(frozen=True, slots=True)
class Given:
    """The turn has begun; this is what the model is given beside the question.

    ``evidence`` are passages by their numbers, None where none were looked for. ``labels`` say
    what kind of message it is, None where nobody has read it, or not yet.
    """

    turn: Turn
    recalled: list[Recalled]
    evidence: Cited = None
    labels: Labels | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer, or of calls of the client's tools in its place."""

    text: str
    calls: Sequence[ToolCallChunk] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The answer is complete and stored; ``cut`` where it was as long as it might be.

    With ``calls`` of the client's tools there is none yet: the turn waits for their results.
    """

    turn: Turn
    recalled: list[Recalled]
    evidence: Cited = None
    labels: Labels | None = None
    cut: bool = False
    calls: Sequence[ToolCallChunk] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn has failed; what was said so far is stored."""

    turn: Turn
    problem: Problem


Event = Given | Token | Done | Failed
