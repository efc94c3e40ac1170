"""What is wrong with a request, in plain words: where it is, and what to send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

_SHOWN = 100  # characters of a name that is repeated
_OBJECT = "send a JSON object"
_TIME = "send a time such as 2027-01-31T00:00:00Z"
_WHOLE = "send a whole number"
# By pydantic's name of the error. A body's own are without quotes there: "5" is no number.
_SAID = {
    "missing": "is missing: send it",
    "extra_forbidden": "is not known here: leave it out; GET /openapi.json says what is taken",
    "unknown_parameter": "is not known here: leave it out; {known} can be asked for",
    "no_parameter": "is not known here: leave it out; there is nothing to ask for",
    "bool_type": "send true or false, without quotes",
    "bool_parsing": "send true or false",
    "int_type": f"{_WHOLE}, without quotes",
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "send a smaller number",
    "float_type": "send a number, without quotes",
    "float_parsing": "send a number",
    "finite_number": "send a number that is finite",
    "list_type": "send a list",
    "literal_error": "send one of {expected}",
    "too_short": "has too few: send at least {min_length}",
    "too_long": "has too many: send at most {max_length}",
    "string_type": "send text, in quotes",
    "string_unicode": "this is no Unicode text (half a character): take it out and send it again",
    "string_too_short": "is empty: send at least {min_length} character",
    "string_too_long": "is too long: give at most {max_length} characters",
    "greater_than": "is too small: give more than {gt:g}",
    "greater_than_equal": "is too small: give at least {ge}",
    "less_than": "is too large: give less than {lt:g}",
    "less_than_equal": "is too large: give at most {le:g}",
    "string_pattern_mismatch": "has another form: it is to match {pattern}",
    "model_attributes_type": _OBJECT,
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
}


def unknown_parameters(unknown: Iterable[str], known: Sequence[str]) -> list[dict[str, Any]]:
    """Errors, as pydantic's are, of a query's parameters that a route does not know."""
    kind = "unknown_parameter" if known else "no_parameter"
    ctx = {"known": ", ".join(known)}
    return [{"type": kind, "loc": ("query", name[:_SHOWN]), "ctx": ctx} for name in sorted(unknown)]


class Fault(NamedTuple):
    """One thing that is wrong with a request."""

    where: str  # "body.pinned", "query.limit"
    what: str


def faults(errors: Iterable[Mapping[str, Any]], sent: Any) -> dict[str, list[str]]:
    """What is wrong at each place of a request; of several things there any is enough to mend it.

    What was sent is not repeated, it may be private or huge.

    Args:
        errors: of pydantic's.
        sent: what they are of; of a request its "body".
    """
    found: dict[str, list[str]] = {}
    for where, what in (_fault(error, sent) for error in errors):
        if what not in found.setdefault(where, []):
            found[where].append(what)
    return found


def _place(error: Mapping[str, Any], sent: Any) -> str:
    """Where it is in what was sent; pydantic also says which of several kinds it has tried."""
    parts, here = error["loc"], sent
    if parts[:1] in {("query",), ("path",), ("header",)}:
        return ".".join(map(str, parts))
    found = []
    for number, part in enumerate(parts, 1):
        if isinstance(here, Mapping):
            there = part in here
        else:
            there = isinstance(here, list) and isinstance(part, int) and part < len(here)
        if there:
            here = here[part]
        if there or (error["type"] == "missing" and number == len(parts)):
            found.append(str(part))
    return ".".join(found)


def _fault(error: Mapping[str, Any], sent: Any) -> Fault:
    kind, place = error["type"], error["loc"]
    if kind == "json_invalid":
        said = f"is no JSON from character {place[1] + 1} on: look at its quotes, commas, brackets"
        return Fault("body", said)
    where = _place(error, sent)
    if place == ("body",):
        if kind == "missing":
            return Fault(where, "is missing: send a JSON object")
        if kind in {"model_attributes_type", "model_type", "dict_type"}:
            said = f"{_OBJECT}, with the header Content-Type: application/json"
            return Fault(where, said)
    if kind in {"too_short", "too_long"} and isinstance(error.get("input"), str):
        kind = f"string_{kind}"  # so pydantic calls it of a text that a validator has looked at
    if kind.startswith("datetime"):
        return Fault(where, _TIME)
    said = _SAID.get(kind, "")
    if said:
        given = error.get("ctx", {})
        if kind == "literal_error":
            given = {"expected": given["expected"].replace(" or ", ", ")}
        return Fault(where, said.format_map(given))
    return Fault(where, str(error["msg"]).removeprefix("Value error, "))
