"""What a service can be asked about the model that answers, and what it answers."""

from __future__ import annotations

from datetime import datetime

from memory.client.call import Call, named
from memory.client.results import Result


class ServedModel(Result):
    """The model that answers."""

    id: str
    created: int
    owned_by: str


class ServedModels(Result):
    """The model in service, in the OpenAI form."""

    data: list[ServedModel]


class Figures(Result):
    """How well a model answers on the part of the data that was kept apart."""

    perplexity: float
    rouge_l: float
    recalled: float | None
    admitted: float | None


class Adapter(Result):
    """A tuned adapter: its base, what it learnt from, its figures and others' on the same part."""

    id: str
    date: datetime
    base: str
    base_sha256: str
    data: list[str]
    figures: Figures
    compared: dict[str, Figures]
    in_service: bool


class Adapters(Result):
    """The tuned adapters; of ``in_service``, ``promoted`` and ``base`` None is the base."""

    in_service: str | None
    promoted: str | None
    trouble: str | None
    base: str | None
    models: list[Adapter]
    faults: dict[str, str]


class RolledBack(Adapters):
    """What is in service again, and what before it cannot be, and why."""

    passed_over: dict[str, str]


def model() -> Call[ServedModel]:
    """The model that answers."""
    return Call("GET", "/v1/models", _served)


def adapters() -> Call[Adapters]:
    """The tuned adapters with their figures, and which of them answers."""
    return Call("GET", "/v1/admin/models", Adapters.model_validate_json)


def promote(adapter: str) -> Call[Adapters]:
    """Answer with an adapter from now on, if it beats the one in service."""
    path = f"/v1/admin/models/{named('adapter', adapter)}/promote"
    return Call("POST", path, Adapters.model_validate_json)


def rollback() -> Call[RolledBack]:
    """Answer again with what was in service before."""
    path = "/v1/admin/models/rollback"
    return Call("POST", path, RolledBack.model_validate_json, again=False)


def _served(body: bytes) -> ServedModel:
    found = ServedModels.model_validate_json(body).data
    if not found:
        msg = "no model is named"
        raise ValueError(msg)
    return found[0]
