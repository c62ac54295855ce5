"""What a browser says of the Fleet page of a large fleet."""

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

_PAINT = """() => new Promise((resolve) => {
  const done = () => {
    const paint = performance.getEntriesByName('first-contentful-paint')[0];
    if (!paint) { setTimeout(done, 50); return; }
    const files = [...performance.getEntriesByType('navigation'),
                   ...performance.getEntriesByType('resource')];
    resolve({ paint_ms: paint.startTime,
              bytes: files.reduce((sum, file) => sum + file.transferSize, 0) });
  };
  done();
})"""
_FILTER = """async (words) => {
  const input = document.querySelector('input[name=q]');
  const times = [];
  for (const word of words) {
    const begun = performance.now();
    input.value = word;
    input.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((then) => requestAnimationFrame(() => requestAnimationFrame(then)));
    times.push(performance.now() - begun);
  }
  return times;
}"""
_SCROLL = """async () => {
  const gaps = [];
  let last = performance.now();
  for (let n = 0; n < 120; n++) {
    window.scrollBy(0, 400);
    await new Promise((then) => requestAnimationFrame(then));
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""
_WORDS = ("r", "r1", "r12", "r12-", "r12-b", "cell 5", "")


@dataclass(frozen=True)
class Measured:
    """Milliseconds and bytes: first contentful paint, transfer, search, frames of scrolling."""

    paint_ms: float
    transferred_bytes: float
    filter_ms: list[float]
    frame_ms: list[float]


def measure(page: Page) -> Measured:
    """Measure an open page."""
    loaded: Any = page.evaluate(_PAINT)
    filtered: Any = page.evaluate(_FILTER, list(_WORDS))
    frames: Any = page.evaluate(_SCROLL)
    return Measured(loaded["paint_ms"], loaded["bytes"], filtered, sorted(frames))
