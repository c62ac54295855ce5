"use strict";
// The history of a unit, to zoom into: drag over a time, double-click for all of it again.
(() => {
  const home = document.getElementById("history");
  if (!home || !window.uPlot) return;
  const api = `${document.body.dataset.root}api/v1/units/${encodeURIComponent(home.dataset.unit)}`;
  const RANGES = { hour: 3600, day: 86400, week: 604800, month: 2592000, year: 31536000 };
  const FIRST = ["cell_voltage", "battery_voltage", "battery_current", "temperature"];
  const MOST_PARTS = 24;
  const DASHES = [[], [6, 3], [2, 3], [9, 3, 2, 3], [12, 4], [4, 2]];
  const kept = home.dataset.quantities.split(" ").filter(Boolean);
  const names = [...FIRST.filter((key) => kept.includes(key)), ...kept.filter((key) => !FIRST.includes(key))];

  const make = (tag, parent, properties = {}) => {
    const element = Object.assign(document.createElement(tag), properties);
    parent.append(element);
    return element;
  };
  const tools = make("div", home, { className: "history-tools" });
  const choice = (title, values, chosen) => {
    const label = make("label", tools);
    make("span", label, { textContent: title });
    const select = make("select", label);
    for (const value of values) make("option", select, { value, textContent: value.replaceAll("_", " ") });
    select.value = chosen;
    select.addEventListener("change", () => {
      history.replaceState(null, "", `#show=${quantity.value}&last=${range.value}`);
      draw();
    });
    return select;
  };
  const hash = new URLSearchParams(location.hash.slice(1));
  const known = (value, values, otherwise) => (values.includes(value) ? value : otherwise);
  const quantity = choice("Quantity", names, known(hash.get("show"), names, names[0] || ""));
  const range = choice("Last", Object.keys(RANGES), known(hash.get("last"), Object.keys(RANGES), "day"));
  const plot = make("div", home, { id: "plot" });
  const said = make("p", home, { className: "note" });
  said.setAttribute("role", "status");
  if (!names.length) { tools.hidden = true; said.textContent = "The unit gives no numbers now."; return; }

  const colour = (n) => getComputedStyle(document.documentElement).getPropertyValue(`--c${(n % 6) + 1}`).trim();
  const plain = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  let chart = null;
  let asked = 0;

  // ISO dates and the clock of 24 hours, as everywhere on these pages.
  const two = (n) => String(n).padStart(2, "0");
  const labels = (_plot, ticks, _axis, _space, step) => ticks.map((seconds) => {
    const at = new Date(seconds * 1000);
    const day = `${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    const hour = `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (step >= 86400) return step >= 2419200 ? `${at.getFullYear()}-${two(at.getMonth() + 1)}` : day;
    return step < 60 ? `${hour}:${two(at.getSeconds())}` : hour === "00:00" ? day : hour;
  });

  async function draw() {
    const turn = ++asked;
    const key = quantity.value;
    const until = Date.now() / 1000;
    const since = until - RANGES[range.value];
    said.textContent = "Loading …";
    const query = new URLSearchParams({ quantity: key, since, until });
    let found;
    try {
      const answer = await fetch(`${api}/series?${query}`);
      if (!answer.ok) throw new Error(`the agent answers ${answer.status} ${answer.statusText}`.trim());
      found = await answer.json();
    } catch (error) {
      if (turn === asked) said.textContent = `The history cannot be had just now: ${error.message}. Choose again to try again.`;
      return;
    }
    if (turn !== asked) return;
    const series = found.series.filter((one) => one.points.some((p) => typeof p.value === "number")).slice(0, MOST_PARTS);
    chart?.destroy();
    chart = null;
    if (!series.length) { said.textContent = "Nothing is recorded of this in that time."; return; }
    const data = uPlot.join(series.map((one) => [one.points.map((p) => p.time_s), one.points.map((p) => p.value)]));
    const axis = { stroke: plain("--soft"), grid: { stroke: plain("--grid") }, ticks: { stroke: plain("--grid") } };
    chart = new uPlot({
      width: plot.clientWidth,
      height: 320,
      legend: { live: true },
      scales: { x: { range: (_, low, high) => [low ?? since, high > low ? high : until] } },
      cursor: { drag: { x: true, y: false } },
      axes: [{ ...axis, values: labels }, { ...axis, size: 64, label: found.measure || undefined, labelSize: found.measure ? 18 : 0 }],
      series: [{ value: (_plot, at) => (at === null ? "" : new Date(at * 1000).toLocaleString("sv")) }, ...series.map((one, n) => ({
        label: one.index || key.replaceAll("_", " "), stroke: colour(n), width: 1.5,
        dash: DASHES[Math.floor(n / 6) % DASHES.length], spanGaps: true, points: { size: 4 },
      }))],
    }, data, plot);
    const values = series.flatMap((one) => one.points.map((p) => p.value)).filter((v) => typeof v === "number");
    const low = values.reduce((a, b) => Math.min(a, b));
    const high = values.reduce((a, b) => Math.max(a, b));
    said.textContent = `${values.length} values from ${low.toPrecision(5)} to ${high.toPrecision(5)} ${found.measure}. Drag to zoom, double-click for all.`;
  }

  new ResizeObserver(() => chart?.setSize({ width: plot.clientWidth, height: 320 })).observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
