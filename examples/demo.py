"""Two agents, one Julia: a story that really happens, and that checks every word it says.

`make demo` runs it. It uses a home, a daemon and a Julia depot of its own in a temporary folder and
removes them at the end. The exit code is 0 if everything was as told, 1 if something was not.

The story itself is in `demo/story.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "demo"), str(HERE.parent / "packaging" / "julia")]

try:
    import story
except ModuleNotFoundError as error:
    sys.exit(
        f"The demo needs {error.name}, which this Python does not have. Run `make demo`: it makes "
        "an environment with everything in it."
    )

if __name__ == "__main__":
    sys.exit(story.main())
