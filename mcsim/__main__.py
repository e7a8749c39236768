"""``python -m mcsim``."""

from __future__ import annotations

import sys

from mcsim.cli import main

if __name__ == "__main__":
    sys.exit(main())
