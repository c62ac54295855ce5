"""One module for each dashboard; ``BOARD`` of each is what ``build.py`` writes."""
