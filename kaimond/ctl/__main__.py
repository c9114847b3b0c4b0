"""``python -m kaimond.ctl``, for units that must not depend on where pip puts scripts."""

import sys

from kaimond.ctl import main

if __name__ == "__main__":
    sys.exit(main())
