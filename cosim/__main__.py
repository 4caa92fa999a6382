"""Makes `python -m cosim` the same as `cosim`."""

import sys

from cosim.cli import main

sys.exit(main())
