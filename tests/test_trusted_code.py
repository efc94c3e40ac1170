"""What is loaded cannot run: no pickles, no shell, nothing evaluated; ruff's S rules see more."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = [path for package in ("app", "memory") for path in (ROOT / package).rglob("*.py")]

# Modules that make objects, and so run code, from bytes.
MAKERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "jsonpickle", "joblib", "marshal"}
MAKERS |= {"shelve"}
RUNNERS = {"eval", "exec", "__import__", "compile"}
# Arguments that allow what is not allowed by itself, and the one that forbids it.
ALLOWING = {"allow_pickle", "allow_dangerous_deserialization", "trust_remote_code", "shell"}
FORBIDDING = {"weights_only", "verify"}


def faults(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """What runs, or may run, what was only to be read: (line, what)."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, n.name) for n in names if n.name.split(".")[0] in MAKERS)
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in MAKERS:
                yield node.lineno, module
            case ast.Call(func=ast.Name(id=name)) if name in RUNNERS:
                yield node.lineno, name
            case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load")) if not any(
                keyword.arg == "weights_only" for keyword in node.keywords
            ):
                yield node.lineno, "torch.load"
            case ast.keyword(arg=str(arg), value=ast.Constant(value=bool(given))) if arg in (
                ALLOWING if given else FORBIDDING
            ):
                yield node.value.lineno, f"{arg}={given}"
            case ast.keyword(arg=str(arg), value=value) if arg in ALLOWING and not isinstance(
                value, ast.Constant
            ):
                yield node.value.lineno, arg


def test_our_code_unpickles_evaluates_and_runs_nothing() -> None:
    """In no file of the packages."""
    assert len(OURS) > 200
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in OURS
        for line, what in faults(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    ["import pickle", "from joblib import load", "eval('1')", "torch.load(path)",
     "torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)",
     "run(words, shell=given)", "get(url, verify=False)",
     "FAISS.load_local(path, allow_dangerous_deserialization=True)"],
)  # fmt: skip
def test_what_would_run_is_seen(code: str) -> None:
    """The search above finds it."""
    assert [*faults(ast.parse(code))]


def test_each_exception_from_the_security_rules_has_its_reason() -> None:
    """They hold for all of both packages, and whoever leaves one out says why."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    assert [name for name, rules in lint["per-file-ignores"].items() if "S" in rules] == [
        "tests/**"
    ]
    marks = [
        mark for path in OURS for mark in re.findall(r"#\s*(?:noqa: S\d|nosec).*", path.read_text())
    ]
    assert marks
    assert [mark for mark in marks if not re.search(r" [-#] \w+('s)? \w+", mark)] == []


def test_each_dependency_says_from_which_version_on() -> None:
    """The bounds of what is read rest on what libraries do since then."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *(one for extra in extras for one in extra)]
    ours = f"{project['name']}["
    assert [one for one in wanted if not re.search("[=>]=", one) and not one.startswith(ours)] == []
