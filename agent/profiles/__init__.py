"""Device families as YAML: how to identify, read and decode each."""
