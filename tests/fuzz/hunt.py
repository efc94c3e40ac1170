"""A service of its own, asked by everybody, in the short form and in the long one."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI

from app.description import describe
from app.main import create_app
from app.settings import Settings
from tests.app.conftest import KEY, serving
from tests.fuzz.openapi import Found, Fuzz
from tests.fuzz.principals import SECRET, everybody

ALL = ["examples", "coverage", "fuzzing", "stateful"]


class Errors(logging.Handler):
    """Keeps what is logged as an error: there is to be none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, with its traceback."""
        self.said.append(f"logged: {logging.Formatter().format(record)}")


@contextmanager
def asked(folder: Path, database: str | None) -> Iterator[tuple[str, FastAPI, list[str]]]:
    """A served app whose model repeats the message: address, app, and what errors it logs."""
    app = create_app(
        Settings(
            data_dir=folder, database=database, api_key=KEY, token_secret=SECRET, llm="fake:echo",
            understanding="off",
        )
    )  # fmt: skip
    errors = Errors()
    loggers = [logging.getLogger(name) for name in (None, "uvicorn")]
    with serving(app) as address:
        for logger in loggers:  # uvicorn's own passes nothing on
            logger.addHandler(errors)
        try:
            yield address, app, errors.said
        finally:
            for logger in loggers:
                logger.removeHandler(errors)


def short(folder: Path) -> Found:
    """Everything there is as an admin, and what the examples say as everybody."""
    with asked(folder, None) as (address, app, errors):
        fuzz = Fuzz(address, describe(app))
        admin, *others = everybody(app.state.store)
        fuzz.ask(admin, ALL, 2, seed=1)
        for asking in others:
            known = asking.who is not None
            fuzz.ask(asking, ["examples", "fuzzing"] if known else ["examples"], 2, seed=1)
        app.state.store.wait(60)
        fuzz.found.faults += errors
        return fuzz.found


def long(
    folder: Path, database: str | None, cases: int, seed: int, progress: Callable[[str], None]
) -> Found:
    """At least so many cases: everybody once, then whom the service knows again and again."""
    with asked(folder, database) as (address, app, errors):
        fuzz = Fuzz(address, describe(app))
        people = everybody(app.state.store)
        known = [asking for asking in people if asking.who is not None]
        plan = itertools.chain(
            ((asking, ["examples", "fuzzing"], 5, seed) for asking in people),
            ((asking, ["coverage", "stateful"], 20, seed) for asking in known),
            (
                (asking, ["fuzzing", "stateful"], 30, seed + number)
                for number, asking in enumerate(itertools.cycle(known), start=1)
            ),
        )
        for asking, phases, examples, number in plan:
            fuzz.ask(asking, phases, examples, number)
            found = fuzz.found
            progress(f"{asking.name}: {found.cases} cases by now, {len(found.faults)} faults")
            if found.cases >= cases and len(found.by_asking) == len(people):
                break
        app.state.store.wait(60)
        fuzz.found.faults += errors
        return fuzz.found
