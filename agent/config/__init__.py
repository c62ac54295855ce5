"""agent.yaml to a frozen configuration; all errors at once with file and line."""
