"""`python -m flancollect` is `flancollect`."""

from flancollect.cli import main

if __name__ == "__main__":
    main()
