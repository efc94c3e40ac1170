"""Somebody's text as it may stand in a prompt: nothing in it begins what only a prompt begins.

A chat template writes a role's marks (``<|im_start|>system``) as text, and llama.cpp, transformers
and vLLM read them out of the finished prompt again, those that a customer has typed included: one
message could end its own role and begin the system's. So could a text end the fence around what
was recalled. What opens such a mark is replaced, not taken out: what is left around a gap could
make another, and whoever reads the prompt sees that something stood there. Rows keep what was said.
"""

from __future__ import annotations

import re

_SHOWN = "‹"  # in place of what opens a mark
_LOST = "\N{REPLACEMENT CHARACTER}"

# White space, and what is not seen: it may stand inside a fence's name and still be read over.
_UNSEEN = (
    "[\\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]*+"
)
_OWN = "|".join(_UNSEEN.join(name) for name in ("memory", "knowledge"))
_OPENS = re.compile(
    rf"[<＜﹤](?={_UNSEEN}(?:[/／]{_UNSEEN})?(?:{_OWN})(?!\w)"  # our fences
    r"|[|｜]"  # <|im_start|>, <|eot_id|>, <｜User｜> and their like
    # Llama 2, Mistral, Gemma and Qwen: <s>, <<SYS>>, <start_of_turn>, <tool_call>
    r"|/?(?:s|sys|bos|eos|unk|pad|mask|think|tools|filename|reponame|[a-z\d]+(?:_[a-z\d]+)+)>)"
    r"|\[(?=(?-i:/?(?:INST|IMG|THINK|gMASK|[A-Z]+_[A-Z]+)\])|\|)",  # [INST], [TOOL_CALLS], [|user|]
    re.IGNORECASE,
)
_MAY_OPEN = re.compile("[<＜﹤[\U000e0000-\U000e007f]")  # most texts have none: one quick look
# Letters that nobody sees, and some models read (U+E0020 to U+E007E repeat ASCII).
_TAGS = re.compile("[\U000e0000-\U000e007f]+")


def inert(text: str) -> str:
    """``text`` with whatever opens a fence or a role's mark made plain, and hidden letters shown.

    Most texts come back as they are. Doing it again changes nothing.
    """
    if _MAY_OPEN.search(text) is None:
        return text
    return _OPENS.sub(_SHOWN, _TAGS.sub(_LOST, text))


def on_one_line(text: str) -> str:
    """``text``, inert, without line breaks: nothing in it looks like the next one's line."""
    return inert(" ".join(text.split()))
