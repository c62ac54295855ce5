"""The only code that awaits devices."""
