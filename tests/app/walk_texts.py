"""The texts of the service's errors, read from its code: what a translation has to have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import app.main  # noqa: F401  (so that all errors are known)
from memory import MemoryServiceError

# No request comes to these: the console, the start, classes for programs, what a model reads.
_NOT_ASKED = re.compile(
    r"app/(training/(?!gate|registry|card)|evaluation|demo|sources|understanding|templates"
    r"|llm/(?!model)|knowledge/(?!documents))|.*/cli\.py|app/(audit|auth|backups|cli|console|customer_tokens"
    r"|doctor|embeddings|erasing|exports|exposure|forgetting|headers|importing|jsonl|jwks_file"
    r"|keys|main|opening|operations_at|retention|second_source|server|settings|stdio|tools|tracing"
    r"|worker|workers|metrics)\.py|memory/(audit|backups|base|columns|customer_items|documents|embeddings"
    r"|exports|fact_model|forgetting|graph|knowledge|labels|matching|migrations|minilm|pg_dump"
    r"|postgres|presence|restoring|retention|sqlite|store|tokens|vectorstore|weights)\.py"
    r"|memory/(client|testing)/"
)
_CALLED = {"Problem", "later", "_refused", "Trouble", "ValueError", "PydanticCustomError"}
_CALLED |= {"super().__init__"}
_DEEP = 3  # parts within parts
_SLUG = re.compile(r"[a-z0-9_.,\[\]{}-]*")


def texts(root: Path) -> dict[str, str]:
    """Each text, its parts numbered ("There is nothing at {0}"), with where it stands."""
    found: dict[str, str] = {}
    for file in sorted([*root.glob("app/**/*.py"), *root.glob("memory/**/*.py")]):
        place = file.relative_to(root).as_posix()
        if not _NOT_ASKED.match(place):
            for text, line in _Module(ast.parse(file.read_text())).texts():
                found.setdefault(text, f"{place}:{line}")
    return found


def numbered(text: str) -> str:
    """A format string with its fields by number."""
    count = iter(range(99))
    return re.sub(r"\{[^{}]*\}", lambda _: f"{{{next(count)}}}", text)


def _kinds(base: type[Exception] = MemoryServiceError) -> set[str]:
    return {base.__name__}.union(*map(_kinds, base.__subclasses__()))


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._called = _CALLED | _kinds()
        self._functions = [
            n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
        ]

    def texts(self) -> Iterator[tuple[str, int]]:
        for within in [*self._functions, self._tree]:
            for call in ast.walk(within):
                if isinstance(call, ast.Call) and ast.unparse(call.func) in self._called:
                    for given in call.args:
                        for text in self._said(given, within):
                            if not _SLUG.fullmatch(text):
                                yield text, call.lineno

    def _said(self, given: ast.expr, within: ast.AST, deep: int = 0) -> Iterator[str]:
        """The texts that an expression can be, and those of its parts."""
        if deep > _DEEP:  # a text may be made of itself
            return
        match given:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=values):
                parts = [v.value if isinstance(v, ast.Constant) else "{}" for v in values]
                yield numbered("".join(map(str, parts)))
                for v in values:
                    if isinstance(v, ast.FormattedValue):
                        yield from self._said(v.value, within, deep + 1)
            case ast.IfExp(body=one, orelse=other):
                yield from self._said(one, within, deep)
                yield from self._said(other, within, deep)
            case ast.BoolOp(values=several):
                for one in several:
                    yield from self._said(one, within, deep)
            case ast.Name(id=name):
                for node in [*ast.walk(within), *self._tree.body]:
                    if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets):
                        yield from self._said(node.value, within, deep + 1)
            case ast.Call(func=ast.Name(id=name)):
                for function in self._functions:
                    if function.name == name:
                        for node in ast.walk(function):
                            if isinstance(node, ast.Return) and node.value is not None:
                                yield from self._said(node.value, function, deep + 1)
