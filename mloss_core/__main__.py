"""`python -m mloss_core ...`."""

import sys

from mloss_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
