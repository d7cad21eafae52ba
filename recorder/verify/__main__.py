"""`python -m recorder.verify`."""

import sys

from recorder.verify.command import main

if __name__ == "__main__":
    sys.exit(main())
