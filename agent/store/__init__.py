"""The latest of everything in memory, and what must survive a restart in SQLite."""
