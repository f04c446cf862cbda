"""`python tools/lab`."""

import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent
sys.path[0] = str(TOOLS)
sys.path.insert(1, str(TOOLS.parent))  # the suite's runner, tests.conformance.runner

from lab.commands import main  # noqa: E402

sys.exit(main())
