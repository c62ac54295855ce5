"""Write ``dashboards/*.json`` from the boards; ``--check`` says whether they are current.

Run from the checkout: ``python -m deploy.grafana.build``.
"""

import argparse
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.board import Board
from deploy.grafana.boards import agents, fleet, outage, unit

HERE = Path(__file__).resolve().parent
BOARDS = (fleet.BOARD, unit.BOARD, outage.BOARD, agents.BOARD)


def render(board: Board) -> str:
    """Give the JSON of a dashboard."""
    return JSONEncoder(indent=1, sort_keys=True).encode(board.build()) + "\n"


def main() -> int:
    """Write or check the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="exit 1 if a file is not current")
    wanted = parser.parse_args()
    folder = HERE / "dashboards"
    files = {folder / f"{board.uid}.json": render(board) for board in BOARDS}
    stale = [
        path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text
    ]
    stale += [path for path in folder.glob("*.json") if path not in files]
    if wanted.check:
        sys.stderr.writelines(f"{path} is not current; run {__file__}\n" for path in stale)
        return 1 if stale else 0
    folder.mkdir(exist_ok=True)
    for path, text in files.items():
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
