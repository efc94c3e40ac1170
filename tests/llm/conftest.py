"""The embedded model, loaded once for the tests that talk to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.llm import Model, open_llm


@pytest.fixture(scope="session")
def embedded() -> Iterator[Model]:
    """SmolLM2 on the embedded server, choosing the likeliest words."""
    # However busy the machine is.
    model = open_llm("embedded:", temperature=0.0, max_tokens=16, timeout=600)
    yield model
    model.close()


@pytest.fixture
def anyio_backend() -> str:
    """What runs the async tests of LangChain's suites."""
    return "asyncio"


@pytest.fixture
def vcr() -> None:
    """Recorded answers of a server, for the one test that is timed over them: there are none."""
