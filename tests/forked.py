"""Processes that are forked from one which has imported everything already.

That leaves out the seconds that the imports take, and nothing else: what runs, and what is killed,
is the program itself.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_IMPORTED = [
    "app.cli", "app.server", "app.llm.embedded", "app.understanding.heads", "memory.minilm",
    "onnxruntime", "tokenizers", "faiss", "psycopg",
]  # fmt: skip
started = multiprocessing.get_context("forkserver")
started.set_forkserver_preload(_IMPORTED)


def console(
    *args: str, environment: Mapping[str, str], stdin: str = "", timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``memory-service`` to its end, as ``subprocess.run`` would."""
    with tempfile.TemporaryDirectory() as folder:
        streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        process = started.Process(target=run_console, args=(args, dict(environment), streams))
        process.start()
        process.join(timeout)
        ended = process.exitcode
        if ended is None:
            process.kill()
            process.join()
        output, errors = (path.read_text() for path in streams[1:])
    if ended is None:
        raise subprocess.TimeoutExpired(args, timeout, output, errors)
    return subprocess.CompletedProcess(args, ended, output, errors)


def run_console(args: tuple[str, ...], environment: dict[str, str], streams: list[Path]) -> None:
    """Be ``memory-service``, with its standard input, output and errors from and to files."""
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, closefd=False)  # noqa: SIM115 # they are the process's, until it ends
        for number, mode in enumerate(("r", "w", "w"))
    )
    sys.argv = ["memory-service", *args]
    from app.cli import main

    main()
