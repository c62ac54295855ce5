#!/usr/bin/env python3
"""Write the table of the bundled scenarios in docs/simulators.md again."""

from pathlib import Path

from simulators.library_page import with_library

if __name__ == "__main__":
    page = Path(__file__).parents[2] / "docs/simulators.md"
    page.write_text(with_library(page.read_text(encoding="utf-8")), encoding="utf-8")
