"""Answer templates from a YAML file: all of them, or an error that says where and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from app.roles import TENANT
from app.templates.template import (
    CERTAIN,
    FILLABLE,
    OWN,
    PASSED_ON,
    SLOT,
    UNKNOWN,
    Template,
    Templates,
)
from memory import InvalidInput, check_text

MOST_BYTES = 256 * 2**10  # of a file; PyYAML reads some 100 kB a second
LONGEST = 2000  # characters of a text or an example

_KEYS = ("intent", "text", "examples", "certain")
_ALONE = (UNKNOWN, PASSED_ON)
_NAME = re.compile(r"[^\s{}:]{1,100}")
_BRACES = re.compile(r"\{([^{}]*)\}?|\}")
_QUOTE = "put it in quotes, or behind >- on lines of its own"
_STRING, _NUMBERS = "tag:yaml.org,2002:str", ("tag:yaml.org,2002:float", "tag:yaml.org,2002:int")


def files_of(path: Path) -> dict[str, Path]:
    """The files of templates by their tenants.

    A file is that of the tenant that needs no name; a folder has a NAME.yaml for each.

    Raises:
        InvalidInput: the folder has none.
    """
    if not path.is_dir():
        return {TENANT: path}
    found = {file.stem: file for file in sorted(path.glob("*.yaml"))}
    if not found:
        msg = f"{path} has no {TENANT}.yaml: give a file, or a folder with a TENANT.yaml for each"
        raise InvalidInput(msg)
    return found


def read_templates(file: Path, intents: Collection[str] | None = None) -> Templates:
    """The templates in a file.

    Args:
        file: YAML, a list of templates (see the README).
        intents: those that the classifier knows; without them no intent is checked.

    Raises:
        InvalidInput: the file cannot be read, or one thing in it is wrong; the message has the
            file, the line, and what to do.
    """
    text = _text(file)
    try:
        root = yaml.compose(text, _Loader)
    except _Alias as error:
        msg = (
            f"{file}, line {error.line}: *{error.name} repeats what stands elsewhere: write it out"
        )
        raise InvalidInput(msg) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}, line {mark.line + 1}" if mark is not None else str(file)
        msg = f"{place} is not YAML ({error.problem or error.context}): a text with signs: {_QUOTE}"
        raise InvalidInput(msg) from error
    except yaml.YAMLError as error:  # a character that no YAML may have
        reason = " ".join(str(getattr(error, "reason", error)).split())
        msg = f"{file} is not YAML ({reason}, position {getattr(error, 'position', 0)})"
        raise InvalidInput(msg) from error
    except (RecursionError, ValueError) as error:
        msg = f"{file} is not YAML that can be read ({type(error).__name__}): is it nested so deep?"
        raise InvalidInput(msg) from error
    return _File(file, intents).templates(root)


def _text(file: Path) -> str:
    try:
        with file.open("rb") as raw:
            read = raw.read(MOST_BYTES + 1)
        if len(read) > MOST_BYTES:
            msg = f"{file} has more than {MOST_BYTES:,} bytes, too many for templates"
            raise InvalidInput(msg)
        return read.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{file} is not UTF-8 (byte {error.start}): save it as UTF-8"
        raise InvalidInput(msg) from error
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror or error}"
        raise InvalidInput(msg) from error


class _Alias(Exception):
    def __init__(self, name: str, line: int) -> None:
        self.name, self.line = name, line


class _Loader(yaml.SafeLoader):
    """Reads no aliases: a few of them can stand for more than fits into memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.get_event()  # type: ignore[no-untyped-call]
            raise _Alias(event.anchor, event.start_mark.line + 1)
        return super().compose_node(parent, index)


@dataclass
class _File:
    """Makes templates of the nodes of a file, which know their lines."""

    file: Path
    intents: Collection[str] | None
    seen: dict[str, Any] = field(default_factory=dict)  # where what may be there once stands

    def templates(self, root: Any) -> Templates:
        if root is None or root.value == []:
            self.fail(root, "there is no template: write `- intent: NAME` and below it `text:`")
        if not isinstance(root, yaml.SequenceNode):
            self.fail(root, "a list is wanted: begin each template with `- intent: NAME`")
        answers: list[Template] = []
        alone: dict[str, str] = {}
        for item in root.value:
            entries = self.entries(item)
            if (key := next((key for key in _ALONE if key in entries), None)) is not None:
                alone[key] = self.alone(item, entries, key)
            else:
                answers.append(self.template(item, entries))
        return Templates(tuple(answers), alone.get(UNKNOWN), alone.get(PASSED_ON))

    def alone(self, node: Any, entries: dict[str, Any], key: str) -> str:
        """The text of what has no intent."""
        if len(entries) > 1:
            self.fail(node, f"`- {key}: text` stands alone, without other keys")
        self.once(node, f"`{key}`")
        text = self.text(entries[key], key)
        if slot := SLOT.search(text):
            self.fail(node, f"{slot[0]} in `{key}`: it is said to anybody, so no slots")
        return text

    def template(self, node: Any, entries: dict[str, Any]) -> Template:
        for key in entries:
            if key not in _KEYS:
                msg = f"{key!r} is no key of a template: {_nearest(key, (*_KEYS, *_ALONE))}"
                self.fail(entries[key], msg)
        for key in ("intent", "text"):
            if key not in entries:
                self.fail(node, f"a template has an intent and a text, and here is no `{key}`")
        intent = self.intent(entries["intent"])
        text = self.text(entries["text"], "text")
        self.once(entries["text"], f"this text for {intent}", f"{intent}\0{text}")
        return Template(
            intent,
            text,
            self.examples(entries["examples"]) if "examples" in entries else (),
            self.certain(entries["certain"]) if "certain" in entries else CERTAIN,
        )

    def entries(self, node: Any) -> dict[str, Any]:
        """A mapping's values by their keys."""
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, "a template is wanted: `- intent: NAME` and below it `text:`")
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = self.words(key, "a key")
            if name in found:
                self.fail(key, f"{name!r} is there twice: take one away, or begin with `- `")
            found[name] = value
        return found

    def intent(self, node: Any) -> str:
        name = self.words(node, "an intent")
        if name in OWN or not _NAME.fullmatch(name):
            self.fail(node, f"an intent cannot be called {name!r}: use a name like track_order")
        if self.intents is not None and name not in self.intents:
            nearest = _nearest(name, sorted(self.intents))
            self.fail(node, f"{name!r} is no intent that the classifier knows: {nearest}")
        return name

    def text(self, node: Any, what: str) -> str:
        said = self.words(node, f"`{what}`")
        for brace in _BRACES.finditer(said):
            slot = SLOT.fullmatch(brace[0])
            if slot is None and brace[0][-1] == "}" and len(brace[0]) > 1:
                self.fail(node, f"{brace[0]} is no slot: {_nearest(brace[1].strip(), FILLABLE)}")
            elif slot is None:
                around = said[max(0, brace.start() - 10) : brace.end() + 10]
                self.fail(node, f"a brace has no other at {around!r}: a slot is written {{name}}")
            elif slot[1] not in FILLABLE:
                nearest = _nearest(slot[1], FILLABLE)
                self.fail(node, f"{brace[0]} is no slot that the memory keeps: {nearest}")
        return said

    def examples(self, node: Any) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, "`examples` is a list: write each on a line of its own, after `- `")
        found = []
        for item in node.value:
            found.append(self.words(item, "an example"))
            self.once(item, f"the example {found[-1]!r}", f"example\0{found[-1].casefold()}")
        return tuple(found)

    def certain(self, node: Any) -> float:
        sure = 0.0
        if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS:
            with suppress(ValueError):  # 0x1F, 1:30
                sure = float(node.value)
        if not 0 < sure <= 1:
            self.fail(node, "`certain` is a number above 0, up to 1, such as 0.8")
        return sure

    def words(self, node: Any, what: str) -> str:
        """What a scalar says, stripped."""
        if not isinstance(node, yaml.ScalarNode):
            self.fail(node, f"{what} is words, not a list or keys: {_QUOTE}")
        if node.value.strip() and node.tag != _STRING:
            self.fail(node, f"{what} {node.value!r} does not read as words in YAML: {_QUOTE}")
        said: str = node.value.strip()
        if not said:
            self.fail(node, f"{what} is empty: write it, or take it away")
        if len(said) > LONGEST:
            self.fail(node, f"{what} has {len(said):,} characters, more than {LONGEST:,}")
        try:
            return check_text(said)
        except InvalidInput as error:
            self.fail(node, f"{what}: {error}")

    def once(self, node: Any, what: str, key: str | None = None) -> None:
        before = self.seen.setdefault(key or what, node.start_mark)
        if before is not node.start_mark:
            self.fail(node, f"{what} is in line {before.line + 1} already: take one away")

    def fail(self, node: Any, what: str) -> NoReturn:
        place = "" if node is None else f", line {node.start_mark.line + 1}"
        raise InvalidInput(f"{self.file}{place}: {what}")


def _nearest(name: str, known: Collection[str]) -> str:
    """Which of the known names may be meant, and which there are."""
    near = difflib.get_close_matches(name, known, 2, 0.7)
    asked = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{asked}There {'are' if len(known) != 1 else 'is'} {', '.join(known) or 'none'}"
