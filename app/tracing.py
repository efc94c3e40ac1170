"""Whether requests are traced, and with what; nothing of OpenTelemetry is imported if not."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from app.settings import Settings
from memory import InvalidInput

if TYPE_CHECKING:
    from app.spans import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_MISSING = "traces need OpenTelemetry: pip install 'langchain-memory-service[tracing]'"

_logger = logging.getLogger(__name__)


def open_tracing(settings: Settings) -> Tracing | None:
    """What traces requests; None where that is not asked for.

    Raises:
        InvalidInput: it is asked for, and OpenTelemetry is not installed.
    """
    asked = settings.tracing == "on"
    if not asked and (settings.tracing == "off" or not any(map(os.environ.get, _ENDPOINTS))):
        return None
    try:
        from app.spans import Tracing
    except ModuleNotFoundError as error:
        if asked:
            raise InvalidInput(_MISSING) from error
        _logger.warning("%s", _MISSING)  # the variable may be meant for other programs
        return None
    return Tracing()
