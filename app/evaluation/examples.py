"""Answers side by side, as an HTML page to look at."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from app.evaluation.replies import Answered
from app.training.play import Exchange
from memory import InvalidInput

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Answers side by side</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
article {{ border-top: 1px solid #8884; padding: 1rem 0 }}
p {{ white-space: pre-wrap; margin: .3rem 0 }}
dt {{ font-weight: 600; margin-top: .6rem }} dd {{ margin: 0; white-space: pre-wrap }}
.agent {{ color: #2a6 }} small {{ color: #888; font-weight: 400 }} pre {{ white-space: pre-wrap }}
</style></head><body>
<h1>Answers side by side</h1>
<pre>{table}</pre>
{examples}
</body></html>
"""


def check_page(file: Path) -> None:
    """Raise InvalidInput, before anything is measured, if no page can be written there."""
    folder = file.absolute().parent
    if not folder.is_dir():
        msg = f"--html {file}: there is no folder {folder}"
        raise InvalidInput(msg)
    if file.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
        msg = f"--html {file} cannot be written: give another file"
        raise InvalidInput(msg)


def write_page(
    file: Path,
    table: str,
    asked: Mapping[bool, Sequence[Exchange]],
    answered: Sequence[Answered],
    most: int = 100,
) -> None:
    """Write the figures and at most ``most`` examples, from all over the data.

    Raises:
        InvalidInput: the file cannot be written.
    """
    total = len(asked[True])
    step = max(1, -(-total // most))
    examples = [_example(place, asked, answered) for place in range(0, total, step)]
    page = _PAGE.format(table=escape(table), examples="\n".join(examples))
    try:
        file.write_text(page, "utf-8")
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}"
        raise InvalidInput(msg) from error


def _example(
    place: int, asked: Mapping[bool, Sequence[Exchange]], answered: Sequence[Answered]
) -> str:
    prompt, reference = asked[True][place]
    said = "\n".join(
        f'<p class="{"agent" if message.type == "ai" else message.type}">'
        f"{escape(str(message.text))}</p>"
        for message in prompt
        if message.type != "system"
    )
    answers = "\n".join(
        f"<dt>{escape(one.system)} <small>{'with' if one.memory else 'without'} memory, ROUGE-L "
        f"{one.rouge_l[place]:.2f}</small></dt><dd>{escape(one.answers[place])}</dd>"
        for one in answered
    )
    return (
        f"<article>{said}\n<dl><dt>the agent</dt>"
        f'<dd class="agent">{escape(reference)}</dd>\n{answers}</dl></article>'
    )
