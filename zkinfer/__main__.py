"""The process of the command line, by `zkinfer` or `python -m zkinfer`.

Signals are taken care of before anything else is loaded, so that there is no moment in which
Ctrl-C shows the inside of zkinfer.
"""

from zkinfer import interrupts


def main() -> int:
    """Runs the command line and returns its exit code, which nothing changes any more."""
    interrupts.arm()
    from zkinfer import cli

    code = cli.main()
    interrupts.disarm()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
