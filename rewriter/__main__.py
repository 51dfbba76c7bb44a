"""`python -m rewriter`: the command line, for where the command `rewriter` is not on the path."""

from .cli import main

if __name__ == "__main__":
    main()
