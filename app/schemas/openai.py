"""What OpenAI's clients send and get: chat completions, models and embeddings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict

from app.schemas.fields import Count, Name, Number, Text, Truth


class Lenient(BaseModel):
    """A request's body, of which what nobody knows is ignored, as OpenAI's clients expect."""

    model_config = ConfigDict(extra="ignore")


class TextPart(Lenient):
    """A part of a message."""

    type: str
    text: Text | None = None


class CalledFunction(Lenient):
    """A function that is called; its arguments are JSON, as the model wrote them."""

    name: Text
    arguments: Text


class ToolCall(Lenient):
    """A call of a tool that the model asks for."""

    id: Text
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(Lenient):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Text | list[TextPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: Text | None = Field(None, description="the call whose result it is")


class Function(BaseModel):
    """A function of the client's, of which the model is told."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Text | None = None
    parameters: dict[str, Any] | None = Field(None, description="JSON Schema")


class Tool(BaseModel):
    """A tool of the client's, which the model may ask for in place of an answer."""

    model_config = ConfigDict(extra="allow")

    type: Literal["function"]
    function: Function


class StreamOptions(Lenient):
    """What a stream has beside the answer."""

    include_usage: Truth | None = None


class Metadata(Lenient):
    """What the client notes of a request."""

    session: Name | None = Field(None, description="which conversation it is")


class CompletionRequest(Lenient):
    """A conversation; its last message is answered."""

    messages: list[ChatMessage] = Field(min_length=1)
    model: Text | None = Field(None, description="any; the model in service answers")
    user: Name | None = Field(
        None, description="the customer; to be left out only with the customer's own token"
    )
    metadata: Metadata | None = None
    stream: Truth | None = None
    stream_options: StreamOptions | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(gt=0, le=1)] | None = None
    seed: Annotated[int, Strict(), Field(ge=0, lt=2**31)] | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    stop: Text | list[Text] | None = None
    n: Count | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: Truth | None = None
    functions: list[Any] | None = None
    logprobs: Truth | None = None
    response_format: dict[str, Any] | None = None
    modalities: list[str] | None = None


class CompletionMessage(BaseModel):
    """The answer, or the calls of tools whose results are to come before there is one."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    tool_calls: list[ToolCall] | None = None
    refusal: None = None


class Choice(BaseModel):
    """The one answer; ``length``: it is cut off, at as many tokens as it might have."""

    index: Literal[0] = 0
    message: CompletionMessage
    finish_reason: Literal["stop", "length", "tool_calls"]
    logprobs: None = None


class CompletionUsage(BaseModel):
    """Tokens, as far as the model's server says; none where a template answered."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """An answer in the OpenAI form."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage


class ModelItem(BaseModel):
    """A model."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(BaseModel):
    """The model in service."""

    object: Literal["list"] = "list"
    data: list[ModelItem]


class EmbeddingsRequest(Lenient):
    """Texts to embed, in any number up to 2048."""

    input: Text | list[Text] | list[int] | list[list[int]]
    model: Text | None = Field(None, description="any; the service's own embeds")
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Count | None = None


class Embedding(BaseModel):
    """A unit vector: numbers, or their float32 bytes, little-endian, in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(BaseModel):
    """Tokens of the texts, as the service counts them."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsList(BaseModel):
    """The texts' vectors, in their order."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage
