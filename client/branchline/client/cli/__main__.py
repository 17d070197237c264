"""``python -m branchline.client.cli`` is ``branchline``."""

import sys

from branchline.client.cli import main

sys.exit(main())
