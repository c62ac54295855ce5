"""Make the previews of the dashboards in docs/images: two fleets, four minutes, one outage.

``python -m tests.benchmarks.grafana_pictures`` (needs Debian's prometheus and chromium).
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from deploy.grafana.asking import Choice, Span
from deploy.grafana.preview import pages, shoot
from tests.deploy.fleets import (
    HEALTHY_JOB,
    OUTAGE_JOB,
    WEAK,
    begin_outage,
    break_things,
    end_outage,
    fleets,
)

IMAGES = Path(__file__).parents[2] / "docs" / "images"
QUIET_S, SHORT_S, LONG_S = 75.0, 4.0, 32.0
BAD: Choice = {"job": [OUTAGE_JOB]}
CHOICES: dict[str, Choice] = {
    "bbu-fleet": {"job": [HEALTHY_JOB, OUTAGE_JOB]},
    "bbu-unit": {**BAD, "unit": [WEAK]},
    "bbu-outage": BAD,
    "bbu-agents": {"job": [HEALTHY_JOB, OUTAGE_JOB]},
}


async def live(folder: Path) -> None:
    """Live through a short and a long outage, and draw what the dashboards show then."""
    async with fleets(folder, learnt=True) as running:
        await running.when("count(max_over_time(bbu_up[5m]) == 1) == 14")
        begun_s = time.time()
        await asyncio.sleep(QUIET_S / 2)
        begin_outage(running.outage, share=0.3)
        await running.when('sum(bbu_discharge_running{kind="discharge"}) == 8')
        await asyncio.sleep(SHORT_S)
        end_outage(running.outage)
        await asyncio.sleep(QUIET_S)
        break_things(running.outage)
        begin_outage(running.outage)
        await running.when('sum(bbu_discharge_running{kind="discharge"}) == 7')
        await asyncio.sleep(LONG_S / 2)
        running.outage.fault("r2-a-4", "silent")
        await asyncio.sleep(LONG_S / 2)
        whole = Span(begun_s, time.time())
        # From between the two outages on, so that "before" is the short one.
        half = Span(whole.end_s - LONG_S - QUIET_S / 2, whole.end_s)
        calm = {uid: choice for uid, choice in CHOICES.items() if uid != "bbu-outage"}
        html = await pages(running.base, whole, calm)
        html |= await pages(running.base, half, {"bbu-outage": CHOICES["bbu-outage"]})
    await shoot(html, IMAGES)
    for uid, text in html.items():
        (folder / f"{uid}.html").write_text(text, "utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(live(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(home)))
