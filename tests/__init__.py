"""What holds for pytest, for ``python -m tests...`` and for the services that they start.

Tests ask faster than people do: whoever tries a limit out sets it, all others have none. And their
models are tiny: a second thread of OpenMP helps none of them, and waits for the first by spinning,
which on a busy machine costs ten times what is computed.
"""

import os

for _limit in ("KEY", "CUSTOMER", "FAILURES"):
    os.environ[f"MEMORY_SERVICE_RATE_{_limit}"] = "off"
os.environ.setdefault("OMP_NUM_THREADS", "1")
