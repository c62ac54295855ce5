#!/opt/bbu-agent/bin/python
"""Exit 0 if the agent in this container is alive: its health check.

``BBU_HEALTH_URL`` names another address than the one that the image's command listens on.
"""

import os
import sys
import urllib.request

DEFAULT = "http://127.0.0.1:9877/-/healthy"


def main() -> int:
    """Ask the agent; anything but its answer 200 is an error that names the reason."""
    url = os.environ.get("BBU_HEALTH_URL", DEFAULT)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=4) as answer:
            return 0 if answer.status == 200 else 1  # noqa: PLR2004 - HTTP OK
    except OSError as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
