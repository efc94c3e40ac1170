"""Which tests one process runs, where several do (``pytest -n 2 --dist loadfile``)."""

from __future__ import annotations

from typing import Any

import pytest

# Whose files share what is dear to make: the browser with its service, the embedded model.
_TOGETHER = ("tests/e2e/", "tests/llm/")


def group(test: str) -> str:
    """A test's file, or the folder whose files stay together."""
    return next((one for one in _TOGETHER if test.startswith(one)), test.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give out whole groups, those of most tests first."""
    if config.getvalue("dist") != "loadfile":
        return None
    # Marks of xdist_group do nothing with pytest 9.2 and pytest-xdist 3.8.
    from xdist.scheduler import LoadFileScheduling

    class Grouped(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return Grouped(config, log)
