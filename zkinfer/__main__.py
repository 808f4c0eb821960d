"""The process of the command line, by `zkinfer` or `python -m zkinfer`.

Signals are taken care of before anything else is loaded, so that there is no moment in which
Ctrl-C shows the inside of zkinfer. Neither does a matrix product leave threads behind that wait
for the next by spinning: the cores are needed for what is between products.
"""

import os

from zkinfer import interrupts

BLAS_PATIENCE = ("OPENBLAS_THREAD_TIMEOUT", "14")
"""How long threads of OpenBLAS wait, as it reads it when it is loaded: 2^14 cycles."""


def main() -> int:
    """Runs the command line and returns its exit code, which nothing changes any more."""
    interrupts.arm()
    os.environ.setdefault(*BLAS_PATIENCE)
    from zkinfer import cli

    code = cli.main()
    interrupts.disarm()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
