"""bbu-agent: reads battery backup units, scores every cell, exports to Prometheus."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("bbu-agent")
except PackageNotFoundError:  # a bare checkout
    __version__ = "0+checkout"
