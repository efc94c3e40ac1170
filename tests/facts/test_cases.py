"""The cases by which facts are measured, each written by hand before the rule that reads it.

A line of ``cases.jsonl`` is a conversation and what is to be known after it:

- ``said``: ``[role, text]`` or ``[role, text, at]`` each; ``at`` is ``AT`` if it is not given;
- ``current`` and ``superseded``: ``[slot, value]`` or ``[slot, value, {"due", "role"}]`` each. A
  value in the speaker's own words is a part that the found value has to contain;
- ``products``: the catalogue, if there is one.

What is expected follows these rules. A weekday alone is the next one, after "last" the one
before, after "next" that of the next week from Monday to Sunday. National phone numbers are
read as of the United States, Chinese mobile numbers as Chinese.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from memory.slots import SLOTS

AT = "2024-05-06T10:00:00Z"  # a Monday
CASES: list[dict[str, Any]] = [
    json.loads(line)
    for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_the_cases_are_enough_and_well_formed() -> None:
    """At least 250 cases, 80 of them Chinese, and 45 in which nothing is to be found."""
    assert len({case["id"] for case in CASES}) == len(CASES) >= 250
    assert sum(case["id"].startswith("zh") for case in CASES) >= 80
    assert sum(not case["current"] and "superseded" not in case for case in CASES) >= 45
    for case in CASES:
        for role, _, *at in case["said"]:
            assert role in {"human", "ai"}
            assert all(datetime.fromisoformat(time).tzinfo for time in at)
        for slot, value, *_ in (*case["current"], *case.get("superseded", ())):
            assert slot in SLOTS, case["id"]
            assert value
