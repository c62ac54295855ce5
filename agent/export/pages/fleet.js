"use strict";
// Search and filters of the Fleet page: at once, and kept in the address of the page.
(() => {
  const form = document.getElementById("units");
  let body = document.querySelector("table.units tbody");
  const count = document.getElementById("count");
  const none = document.getElementById("none");
  const words = new Map(); // row id -> what the search looks in
  const NAMES = ["q", "verdict", "rack", "answers"];

  const text = (row) => {
    let found = words.get(row.id);
    if (found === undefined) {
      found = `${row.textContent} ${row.dataset.also || ""}`.toLowerCase();
      words.set(row.id, found);
    }
    return found;
  };
  const wanted = () => Object.fromEntries(NAMES.map((name) => [name, form.elements[name].value]));

  function fits(row, want, terms) {
    return (!want.verdict || row.dataset.verdict === want.verdict)
      && (!want.rack || row.dataset.rack === want.rack)
      && (!want.answers || row.dataset.answers === want.answers)
      && terms.every((term) => text(row).includes(term));
  }

  function apply() {
    const want = wanted();
    const terms = want.q.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const fit = fits(row, want, terms);
      if (row.hidden === fit) row.hidden = !fit;
      shown += fit;
    }
    const all = body.rows.length;
    count.textContent = shown === all ? `${all} units shown` : `${shown} of ${all} units shown`;
    none.textContent = shown ? "" : "No unit fits. Empty the search to see all.";
    for (const tile of document.querySelectorAll(".tile")) {
      tile.classList.toggle("chosen", tile.dataset.verdict === want.verdict);
    }
    const query = new URLSearchParams(Object.entries(want).filter(([, value]) => value)).toString();
    const search = query && `?${query}`;
    if (location.search !== search) history.replaceState(null, "", `${location.pathname}${search}`);
  }

  function sort() {
    const rows = [...body.rows];
    const key = new Map(rows.map((row) => [row, Number(row.dataset.rank)]));
    const sorted = [...rows].sort((a, b) => key.get(a) - key.get(b) || (a.id < b.id ? -1 : 1));
    if (sorted.some((row, n) => row !== rows[n])) body.append(...sorted);
  }

  // The server has left out what does not fit; with scripts every row is at hand.
  async function whole() {
    const answer = await fetch("./");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const all = page.querySelector("table.units tbody");
    body.replaceWith(all);
    body = all;
    apply();
  }

  function choose(values) {
    for (const name of NAMES) form.elements[name].value = values[name] || "";
    apply();
  }

  form.querySelector("button").hidden = true;
  form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  let waiting = 0;
  form.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(apply);
  });
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const tile = event.target.closest(".tile");
    const verdict = tile && tile.dataset.verdict;
    if (tile) choose({ verdict: form.elements.verdict.value === verdict ? "" : verdict });
    else if (event.target.closest(".filters a")) choose({});
    else return;
    event.preventDefault();
    form.scrollIntoView({ block: "start" });
  });

  function take(news) {
    let moved = false;
    for (const [id, html] of Object.entries(news.parts || {})) {
      const fresh = window.bbu.renew(id, html);
      if (!fresh || !id.startsWith("u:")) continue;
      words.delete(id);
      fresh.classList.add("changed");
      moved = true;
    }
    for (const [id, seconds] of Object.entries(news.seen || {})) {
      const time = document.getElementById(id)?.querySelector("time[data-ago]");
      if (time && seconds !== null) time.dateTime = new Date(seconds * 1000).toISOString();
    }
    if (moved) sort();
    if (moved || news.parts?.summary) apply();
  }

  window.bbu.onNews(take);
  if (NAMES.some((name) => new URLSearchParams(location.search).get(name))) whole();
})();
