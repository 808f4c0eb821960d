"""`python -m zkinfer`: the command line."""

from zkinfer.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
