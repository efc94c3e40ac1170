"""The shape of the library: which module may know which, and what is public."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import memory

ROOT = Path(memory.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


def imported(path: Path) -> set[str]:
    """The modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}: relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def test_the_library_does_not_know_the_service() -> None:
    """No module of ``memory`` imports ``app`` or a web framework."""
    for name, path in MODULES.items():
        outside = {other.split(".")[0] for other in imported(path)}
        assert not outside & {"app", "fastapi", "starlette", "uvicorn", "typer", "tests"}, name


def test_modules_know_each_other_in_one_direction() -> None:
    """There is no circle among the modules: each can be understood from those below it."""
    below = {
        name: imported(path) & MODULES.keys() - {name, "memory"} for name, path in MODULES.items()
    }
    del below["memory"]
    while below:
        lowest = [name for name, others in below.items() if not others & below.keys()]
        assert lowest, f"these import each other: {sorted(below)}"
        for name in lowest:
            del below[name]


def test_no_module_of_the_library_imports_the_whole_of_it() -> None:
    """``from memory import BufferMemory`` is for users; inside only modules are named so."""
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "memory":
                assert {f"memory.{alias.name}" for alias in node.names} <= MODULES.keys(), name


def test_langchain_classic_is_imported_in_one_place() -> None:
    """What is deprecated there touches one file when it goes."""
    users = [
        name for name, path in MODULES.items()
        if any(other.startswith("langchain_classic") for other in imported(path))
    ]  # fmt: skip
    assert users == ["memory.base"]


def test_what_is_public_is_listed_in_order() -> None:
    """``__all__`` is sorted, has every name once, and each of them is there and documented."""
    assert memory.__all__ == sorted(set(memory.__all__), key=_as_ruff_sorts)
    for name in memory.__all__:
        assert hasattr(memory, name), name
    public = (
        {name for name in vars(memory) if not name.startswith("_")}
        - {name.removeprefix("memory.") for name in MODULES}
        - {"indexes", "TYPE_CHECKING"}
    )
    assert public == set(memory.__all__)


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff's RUF022 has it."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_importing_the_library_is_light() -> None:
    """Neither torch nor sentence_transformers nor the service comes with ``import memory``, nor
    what a name is made of that nobody has asked for.
    """
    heavy = "torch sentence_transformers transformers app fastapi langchain langgraph".split()
    heavy += memory._WHEN_ASKED_FOR.values()
    program = f"import sys, memory; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT.parent, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
