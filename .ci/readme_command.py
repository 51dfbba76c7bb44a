"""Print the README's command number N: the N-th line that a fenced bash block starts with."""

import re
import sys
from pathlib import Path


def commands(text: str) -> list[str]:
    """Return the first line of every bash block."""
    return re.findall(r"^```bash\n(.+)$", text, flags=re.MULTILINE)


if __name__ == "__main__":
    print(commands(Path("README.md").read_text(encoding="utf-8"))[int(sys.argv[1]) - 1])
