"""What is generated from the keys is current."""

import json
from pathlib import Path

from agent.config.batteries import FIELDS
from agent.config.keys import SECTIONS
from agent.config.schema import json_schema, schema_text, with_tables
from agent.model import Battery

ROOT = Path(__file__).parents[3]
WRITE = "run deploy/scripts/config-reference.py"


def test_the_schema_file_is_current() -> None:
    text = (ROOT / "agent/config/agent.schema.json").read_text(encoding="utf-8")
    assert text == schema_text(), WRITE


def test_the_docs_are_current() -> None:
    page = (ROOT / "docs/configure.md").read_text(encoding="utf-8")
    assert page == with_tables(page), WRITE


def test_the_docs_name_every_key() -> None:
    page = (ROOT / "docs/configure.md").read_text(encoding="utf-8")
    missing = [
        f"{section.name}.{key.name}"
        for section in SECTIONS
        for key in section.keys
        if f"| `{key.name}` |" not in page.partition(f"<!-- keys: {section.name} -->")[2]
    ]
    assert missing == []


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = json_schema()
    text = json.dumps(schema)
    names = {part.partition('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert names == set(schema["$defs"])  # type: ignore[call-overload]


def test_every_battery_key_is_a_field_of_the_model() -> None:
    fields = set(Battery.__dataclass_fields__)
    assert {name for _, name in FIELDS} <= fields
