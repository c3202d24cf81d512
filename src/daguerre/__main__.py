"""`python -m daguerre` is `daguerre`."""

import sys

from daguerre.cli.main import main

if __name__ == "__main__":  # worker processes import this again
    sys.exit(main())
