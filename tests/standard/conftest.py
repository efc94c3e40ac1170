"""LangChain's own suites for what plugs into it (``langchain-tests``), held against our classes.

Their async tests run by anyio's plugin, which is there for the service anyway.
"""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """What runs async tests."""
    return "asyncio"
