"""What a service desk's classifier is trained on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.understanding.desk import desk_examples
from memory import InvalidInput


def test_two_sets_make_two_heads(tmp_path: Path) -> None:
    """In scope is the one set; out of scope is what the other has from elsewhere."""
    bitext, clinc = tmp_path / "bitext.jsonl", tmp_path / "clinc.jsonl"
    bitext.write_text(json.dumps({"text": "send it", "label": "track", "category": "ORDER"}))
    clinc.write_text(
        "".join(
            json.dumps({"text": f"{label} {n}", "label": label, "domain": domain}) + "\n"
            for label, domain in (
                ("recipe", "kitchen_and_dining"),
                ("pay", "banking"),
                ("oos",) * 2,
            )
            for n in range(10)
        )
    )
    made = desk_examples(bitext, clinc, share=0.3)
    assert [one[0] for one in made.values()] == [("send it", "track"), ("send it", "order")]
    for examples in made.values():
        assert {one.label for one in examples[1:]} == {"oos"}
        assert sorted(one.text.split()[0] for one in examples[1:]) == ["oos"] * 10 + ["recipe"] * 3
    with pytest.raises(InvalidInput, match=r'line 1 is not \{"text", "label", "domain"\}'):
        desk_examples(bitext, bitext)
