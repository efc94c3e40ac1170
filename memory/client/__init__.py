"""A client of the service: ``with MemoryClient("https://memory.example", KEY) as client: ...``.

``AsyncMemoryClient`` has the same methods, to be awaited.
"""

from memory.client.clients import AsyncMemoryClient, MemoryClient
from memory.client.errors import ClientError, ServiceProblem, Silent, Unreachable, Unreadable
from memory.client.events import Event, Given, Restarted, Token
from memory.client.results import ChatAnswer
from memory.client.retry import Retry

__all__ = [
    "AsyncMemoryClient",
    "ChatAnswer",
    "ClientError",
    "Event",
    "Given",
    "MemoryClient",
    "Restarted",
    "Retry",
    "ServiceProblem",
    "Silent",
    "Token",
    "Unreachable",
    "Unreadable",
]
