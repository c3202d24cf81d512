"""`python -m daguerre` is `daguerre`."""

import sys

from daguerre.cli.main import main

sys.exit(main())
