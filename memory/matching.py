"""Which items a filter and a namespace's condition of LangGraph's mean, and what paths name."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langgraph.store.base import MatchCondition, get_text_at_path

_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le,
}  # fmt: skip
OPERATORS = ("$eq", "$ne", *_ORDERS)


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is what a filter wants there.

    As LangGraph's InMemoryStore has it: an object holds at least what is wanted of it, a list as
    many as are wanted and each of them, and what is missing is null. Only numbers are compared with
    numbers and strings with strings: anything else is neither more nor less.
    """
    if isinstance(wanted, Mapping):
        if _compares(wanted):
            return all(_holds(name, value, other) for name, other in wanted.items())
        return isinstance(value, Mapping) and all(
            fits(value.get(name), one) for name, one in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(value, (list, tuple))
            and len(value) == len(wanted)
            and all(map(fits, value, wanted))
        )
    return bool(value == wanted)


def check_filter(wanted: Any) -> None:
    """Raise ValueError if a filter has an operator that there is not."""
    if isinstance(wanted, Mapping):
        unknown = wanted.keys() - set(OPERATORS) if _compares(wanted) else ()
        if unknown:
            msg = f"Unsupported operator: {sorted(unknown)[0]}. There are {', '.join(OPERATORS)}"
            raise ValueError(msg)
        for one in wanted.values():
            check_filter(one)
    elif isinstance(wanted, (list, tuple)):
        for one in wanted:
            check_filter(one)


def _compares(wanted: Mapping[str, Any]) -> bool:
    return any(name.startswith("$") for name in wanted)


def _holds(name: str, value: Any, other: Any) -> bool:
    if name in ("$eq", "$ne"):
        return bool((value == other) is (name == "$eq"))
    comparable = (_number(value) and _number(other)) or (
        isinstance(value, str) and isinstance(other, str)
    )
    return comparable and bool(_ORDERS[name](value, other))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def matches(condition: MatchCondition, namespace: Sequence[str]) -> bool:
    """Whether a namespace begins, or ends, with a path; ``*`` in it stands for any one label."""
    path = condition.path
    if condition.match_type not in ("prefix", "suffix"):
        msg = f"Unsupported match type: {condition.match_type}. There are prefix and suffix"
        raise ValueError(msg)
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else (
        namespace[len(namespace) - len(path) :]
    )  # fmt: skip
    return all(one in ("*", label) for one, label in zip(path, part, strict=True))


def texts_at(value: dict[str, Any], paths: Iterable[str]) -> list[str]:
    """What is searched of a value: the texts at some of LangGraph's paths, each once."""
    found = (said for path in paths for said in get_text_at_path(value, path))
    return [said for said in dict.fromkeys(found) if said.strip()]
