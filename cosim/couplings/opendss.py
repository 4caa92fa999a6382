"""OpenDSS as a mosaik simulator of its own.

python -m cosim.couplings.opendss HOST:PORT, or --remote HOST:PORT to wait there.
"""

from __future__ import annotations

from cosim.couplings.grid_simulator import main

if __name__ == "__main__":
    main("opendss")
