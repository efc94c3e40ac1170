"""Nothing that is asked is a server error, or answered as the description does not say.

The long form is ``python -m tests.fuzz --cases 20000``.
"""

from __future__ import annotations

from pathlib import Path

from app.roles import MAY
from tests.fuzz import hunt, raw


def test_whatever_the_description_lets_one_ask_is_answered_as_it_says(tmp_path: Path) -> None:
    """Every route, by everybody: keys of each role and of another tenant, a customer's token, and
    keys and tokens that are missing, wrong, expired, revoked or forged.
    """
    found = hunt.short(tmp_path)
    assert found.faults == []
    described = {f"{method} {path}" for method, path in MAY if path.startswith("/v1/")}
    assert described <= set(found.routes)
    assert {200, 201, 401, 403, 404, 405, 409, 422} <= set(found.statuses)
    assert set(found.by_phase) == set(hunt.ALL)


def test_bytes_that_are_no_request_leave_the_service_as_it_was(tmp_path: Path) -> None:
    """Odd methods, paths, headers, lengths and bodies, cut off, chunked and in a row: no server
    error, nothing logged as one, and after each the service answers.
    """
    found = raw.long(tmp_path, None, times=120, number=1)
    assert found.faults == []
    assert {200, 400, 401, 404, 405, 422} <= set(found.statuses)
