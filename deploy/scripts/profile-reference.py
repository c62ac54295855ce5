#!/usr/bin/env python3
"""Write agent/profiles/profile.schema.json and docs/devices.md again."""

from pathlib import Path

from agent.profiles.json_schema import schema_text
from agent.profiles.load import load_all
from agent.profiles.page import devices_page

ROOT = Path(__file__).parents[2]

if __name__ == "__main__":
    (ROOT / "agent/profiles/profile.schema.json").write_text(schema_text(), encoding="utf-8")
    (ROOT / "docs/devices.md").write_text(devices_page(load_all()), encoding="utf-8")
