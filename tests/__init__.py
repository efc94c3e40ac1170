"""Tests ask faster than people do: whoever tries a limit out sets it, all others have none.

Here, so that it holds for pytest, for ``python -m tests...`` and for the services that they start.
"""

import os

for _limit in ("KEY", "CUSTOMER", "FAILURES"):
    os.environ[f"MEMORY_SERVICE_RATE_{_limit}"] = "off"
