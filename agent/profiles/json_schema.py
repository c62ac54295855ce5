"""The JSON schema of a profile file, for editors and for those who write one."""

import json

from agent.profiles.document import ProfileDocument


def schema_text() -> str:
    """Give the text of ``profile.schema.json`` (draft 2020-12)."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ProfileDocument.model_json_schema(),
        "title": "bbu-agent profile of a device family",
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
