"""A test, or a fixture's end, that ends the process is seen, with one process and with two."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import os
import pytest

@pytest.fixture(scope="session", autouse=True)
def ends():
    yield
    if WHERE == "teardown":
        os._exit(0)

@pytest.mark.parametrize("n", range(4))
def test_one(n):
    if WHERE == "test" and n == 1:
        os._exit(0)
"""


@pytest.mark.parametrize("where", ["nowhere", "test", "teardown"])
@pytest.mark.parametrize("how", [[], ["-pxdist", "-n1"]], ids=["one process", "several"])
def test_an_early_end_is_no_success(where: str, how: list[str], tmp_path: Path) -> None:
    """Whatever status the process wanted to end with."""
    if how:
        pytest.importorskip("xdist")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    (tmp_path / "conftest.py").write_text("import tests.early_end")
    (tmp_path / "test_it.py").write_text(f"WHERE = {where!r}\n{TESTS}")
    command = [sys.executable, "-m", "pytest", "-q", *how, "--rootdir=.", "."]
    quick = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    ran = subprocess.run(command, cwd=tmp_path, env=quick, capture_output=True, text=True)
    assert (ran.returncode == 0) == (where == "nowhere"), ran.stdout + ran.stderr
