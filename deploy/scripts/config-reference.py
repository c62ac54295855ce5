#!/usr/bin/env python3
"""Write agent/config/agent.schema.json and the tables of docs/configure.md again."""

from pathlib import Path

from agent.config.schema import schema_text, with_tables

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    (ROOT / "agent/config/agent.schema.json").write_text(schema_text(), encoding="utf-8")
    page = ROOT / "docs/configure.md"
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
