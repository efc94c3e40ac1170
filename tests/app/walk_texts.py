"""The texts of the service's errors, read from its code: what a translation has to have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import app.main  # noqa: F401  (so that all errors are known)
from memory import MemoryServiceError

# No request comes to these: the console, the start, what a model reads. What is in ``memory`` for
# programs alone is not looked at anyway.
_NOT_ASKED = re.compile(
    r"app/(training/(?!gate|registry|card)|evaluation|demo|sources|interest|neural"
    r"|understanding|templates|llm/(?!model)|knowledge/(?!documents)"
    r"|translators/(open|fast|marian))|.*/cli\.py"
    r"|app/(audit|auth|backups|cli|console"
    r"|customer_tokens|doctor|embeddings|erasing|exports|exposure|forgetting|headers|importing"
    r"|jsonl|keys|main|metrics|opening|retention|second_source|server|settings|stdio|tools|tracing"
    r"|webhooks|workers?)\.py|memory/client/.*|memory/(audit|backups|base|columns|embeddings|exports|fact_model|forgetting"
    r"|knowledge|labels|migrations|minilm|pg_dump|postgres|presence|restoring|retention|sqlite"
    r"|store|surges|tokens|weights)\.py"
)
_CALLED = {"Problem", "later", "refused", "Trouble", "ValueError", "PydanticCustomError"}
_CALLED |= {"super().__init__", "worded"}
_DEEP = 3  # parts within parts
_SLUG = re.compile(r"[a-z0-9_.,\[\]{}-]*")


def texts(root: Path) -> dict[str, str]:
    """Each text, its parts numbered ("There is nothing at {0}"), with where it stands."""
    found: dict[str, str] = {}
    asked = [file for file in root.glob("app/**/*.py") if not _NOT_ASKED.match(_place(root, file))]
    for file in sorted([*asked, *_used(root, asked)]):
        for text, line in _Module(ast.parse(file.read_text())).texts():
            found.setdefault(text, f"{_place(root, file)}:{line}")
    return found


def numbered(text: str) -> str:
    """A format string with its fields by number."""
    count = iter(range(99))
    return re.sub(r"\{[^{}]*\}", lambda _: f"{{{next(count)}}}", text)


def _kinds(base: type[Exception] = MemoryServiceError) -> set[str]:
    return {base.__name__}.union(*map(_kinds, base.__subclasses__()))


def _place(root: Path, file: Path) -> str:
    return file.relative_to(root).as_posix()


def _used(root: Path, files: list[Path]) -> set[Path]:
    """The modules of ``memory`` that these come to by their imports."""
    where = {name: module for module, name in _imports(root / "memory/__init__.py")}
    found: set[Path] = set()
    ahead = list(files)
    while ahead:
        for module, name in _imports(ahead.pop()):
            home = where.get(name, f"memory.{name}") if module == "memory" else module
            file = root / f"{home.replace('.', '/')}.py"
            if file.exists() and file not in found and not _NOT_ASKED.match(_place(root, file)):
                found.add(file)
                ahead.append(file)
    return found


def _imports(file: Path) -> list[tuple[str, str]]:
    return [
        (node.module or "", alias.name)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "memory"
        for alias in node.names
    ]


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
