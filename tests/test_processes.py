"""Of several processes that run the tests one has a file, or a folder that shares what is dear."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEST = """
import os
import pathlib
import pytest

@pytest.mark.parametrize("n", range(3))
def test_one(n):
    with open(pathlib.Path(__file__).with_suffix(".ran"), "a") as ran:
        ran.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""


def test_a_group_is_given_to_one_process(tmp_path: Path) -> None:
    """By the very plugin: its own marks for that have been without effect, and it said nothing."""
    pytest.importorskip("xdist")
    files = [
        tmp_path / name
        for name in (*(f"tests/e2e/test_{n}.py" for n in range(4)), "tests/test_5.py")
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEST)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    hook = "from tests.processes import pytest_xdist_make_scheduler"
    (tmp_path / "conftest.py").write_text(hook)
    command = [sys.executable, "-m", "pytest", "-q", "-pxdist", "-n2", "--dist=loadfile", "tests"]
    quick = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, cwd=tmp_path, env=quick, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    by = [file.with_suffix(".ran").read_text().split() for file in files]
    together = {worker for one in by[:4] for worker in one}
    assert [len(one) for one in by] == [3] * 5
    assert len(together) == 1
    assert {*by[4]}.isdisjoint(together)
