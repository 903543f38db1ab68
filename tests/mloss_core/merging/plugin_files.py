"""Plugin files for tests: the example of the docs, and others made from it."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs" / "methods.md"


def example() -> str:
    """The code of "Write your own method"."""
    section = DOCS.read_text(encoding="utf-8").split("## Write your own method")[1]
    return re.search(r"```python\n(.*?)```", section, re.DOTALL).group(1)


def write(folder: Path, name: str = "median", source: str | None = None) -> Path:
    """The example in a file, with its method called `name`."""
    path = folder / f"{name}.py"
    text = example().replace('"median"', f'"{name}"').replace('"Median"', f'"{name.title()}"')
    path.write_text(text if source is None else source, encoding="utf-8")
    return path
