"""What holds for all tests: Ctrl-C means what it means on a terminal, however the tests were started.

Modules are imported and tests collected to stay; each run collects garbage first, and need not go through these again.
"""

from __future__ import annotations

import gc
import signal

# A shell that starts a command in the background may let it ignore Ctrl-C, and it hands that on to what it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
