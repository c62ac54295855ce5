"""Offline estimation: the daemon's engine over a recorded file."""
