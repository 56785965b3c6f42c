"""`python -m luthier` is the command `luthier`."""

from luthier.cli.app import main

if __name__ == "__main__":
    main()
