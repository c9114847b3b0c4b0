"""Makes the scripts in packaging/julia importable by the names that they use among themselves."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "packaging" / "julia"

if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))
