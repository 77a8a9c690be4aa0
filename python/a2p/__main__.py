"""`python -m a2p`: the same as `a2p`."""

import sys

from a2p.cli import main

sys.exit(main())
