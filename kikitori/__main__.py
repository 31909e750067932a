"""The command line, as `python -m kikitori`."""

from kikitori.cli.run import main

if __name__ == "__main__":
    raise SystemExit(main())
