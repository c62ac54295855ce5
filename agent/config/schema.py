"""The JSON schema of the configuration, for editors, and the tables of the docs."""

import json

from agent.config.keys import ROOT, SECTIONS
from agent.config.kinds import JsonSchema, ListOf, MapOf, NameOr
from agent.config.sections import Key, Section


def json_schema() -> JsonSchema:
    """Build the schema (draft 2020-12) from the declared keys."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bbu-agent configuration",
        **ROOT.definition(),
        "$defs": {
            section.name: section.definition() for section in SECTIONS if section is not ROOT
        },
    }


def schema_text() -> str:
    """Give the text of ``agent.schema.json``."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def table(section: Section) -> str:
    """Give one section's keys as a Markdown table."""
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key in section.keys:
        default = f"`{key.default}`" if key.default is not None else ""
        rows.append(
            f"| `{key.name}` | {_value(key)} | {'required' if key.required else default} "
            f"| {key.help} |"
        )
    return "\n".join(rows) + "\n"


def with_tables(page: str) -> str:
    """Give ``page`` with every table between its markers brought up to date.

    A table stands between ``<!-- keys: NAME -->`` and ``<!-- end -->``.
    """
    for section in SECTIONS:
        begin, end = f"<!-- keys: {section.name} -->\n", "<!-- end -->"
        head, found, rest = page.partition(begin)
        if found:
            _, _, tail = rest.partition(end)
            page = head + begin + table(section) + end + tail
    return page


def _value(key: Key[object]) -> str:
    kind = key.kind
    if isinstance(kind, Section):
        return f"keys of [{kind.name}](#{kind.name})"
    if isinstance(kind, ListOf | MapOf | NameOr) and isinstance(kind.item, Section):
        return f"{kind.label}, see [{kind.item.name}](#{kind.item.name})"
    return kind.label
