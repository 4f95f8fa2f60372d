"""``python -m nextlabel`` is the command ``nextlabel``."""

from nextlabel.cli.main import main

if __name__ == "__main__":
    main()
