"""A model that does not answer, as a problem that says what to do."""

from __future__ import annotations

import logging

import httpx

from app.problems import Problem, problem_of
from memory import MemoryServiceError

_logger = logging.getLogger(__name__)


KEPT = "The message is kept"


def silent(name: str, kept: str = KEPT) -> Problem:
    """A model that said nothing; ``kept`` says what became of what was asked."""
    detail = f"The model {name} answered nothing. {kept}: send it again."
    return Problem(502, "model-silent", "Empty answer", detail)


def cut(name: str) -> Problem:
    """A model that stopped before its end."""
    detail = f"The model {name} stopped in the middle. What came is kept: send the message again."
    return Problem(502, "model-cut", "Answer cut off", detail)


def is_outage(error: Exception) -> bool:
    """Whether a model's server is away, too slow or broken."""
    if (status := _status(error)) is not None:
        return status >= 500
    # By name: the OpenAI client is not needed by those who have another model. LangChain's own
    # errors are kinds of that client's.
    named = {kind.__name__ for kind in type(error).__mro__}
    return bool(named & {"APIConnectionError", "APITimeoutError"}) or isinstance(
        error, (TimeoutError, httpx.TransportError)
    )


def is_refusal(error: Exception) -> bool:
    """Whether a model's server is there and refuses this one request."""
    return (status := _status(error)) is not None and status < 500


def _status(error: Exception) -> int | None:
    """What a model's server has answered, if it has."""
    status = None if isinstance(error, Problem) else getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def model_problem(error: Exception, name: str, *, tools: bool = False, kept: str = KEPT) -> Problem:
    """What a model, which may have been given ``tools``, or what is around it, has failed with."""
    if isinstance(error, (MemoryServiceError, Problem)):
        return problem_of(error)
    # Not its text: a server's error may repeat the prompt, or the key.
    _logger.warning("the model %s failed: %s", name, type(error).__name__)
    if type(error).__name__.endswith(("AuthenticationError", "PermissionDeniedError")):
        detail = (
            f"The model {name} refuses its key. {kept}: set "
            "MEMORY_SERVICE_LLM_API_KEY, start the service again and send it again."
        )
        return Problem(502, "model-key", "Model refuses its key", detail)
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        detail = f"The model {name} did not answer in time. {kept}: send it again."
        return Problem(504, "model-timeout", "Model too slow", detail)
    status = _status(error)
    detail = f"The model {name} failed. {kept}: send it again; the log says how it failed."
    if status is not None:
        detail = f"The server of the model {name} answered {status}. {kept}: send it again."
    elif is_outage(error):
        detail = f"The server of the model {name} cannot be reached. {kept}: send it again."
    if tools and is_refusal(error):
        detail = (
            f"The server of the model {name} answered {status}. The message is kept: send it "
            "again, without tools if it takes none (vLLM takes them with "
            "--enable-auto-tool-choice)."
        )
    return Problem(502, "model-failed", "Model failed", detail)
