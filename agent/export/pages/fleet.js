"use strict";
// Search and filters of the Fleet page: at once, and kept in the address of the page.
(() => {
  const STEP = 200; // rows that are shown at a time; thousands at once would make it slow
  const NAMES = ["q", "verdict", "rack", "answers"];
  const form = document.getElementById("units");
  const count = document.getElementById("count");
  const none = document.getElementById("none");
  const more = document.getElementById("more");
  let body = document.querySelector("table.units tbody");
  let most = STEP;
  const words = new Map(); // row id -> what the search looks in

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
    let fitting = 0;
    for (const row of body.rows) {
      fitting += fits(row, want, terms);
      const hide = fitting > most || !fits(row, want, terms);
      if (row.hidden !== hide) row.hidden = hide;
    }
    const all = body.rows.length;
    if (whole) {
      const told = fitting === all ? `${all} units` : `${fitting} of ${all} units`;
      count.textContent = fitting > most ? `${told}, the worst ${most} shown` : told;
      none.textContent = fitting ? "" : "No unit fits. Empty the search to see all.";
      more.hidden = fitting <= most;
      more.firstElementChild.textContent = `Show ${Math.min(STEP, fitting - most)} more`;
    }
    for (const tile of document.querySelectorAll(".tile")) {
      tile.classList.toggle("chosen", tile.dataset.verdict === want.verdict);
    }
    const query = new URLSearchParams(Object.entries(want).filter(([, value]) => value)).toString();
    const search = query && `?${query}`;
    if (location.search !== search) history.replaceState(null, "", `${location.pathname}${search}`);
  }

  // Rows that change places take a click and a selection with them, like rows that are exchanged.
  let unsorted = false;
  setInterval(() => { if (unsorted) sort(); }, 300);
  function sort() {
    unsorted = window.bbu.inUse(body);
    if (unsorted) return;
    const rows = [...body.rows];
    const key = new Map(rows.map((row) => [row, Number(row.dataset.rank)]));
    const sorted = [...rows].sort((a, b) => key.get(a) - key.get(b) || (a.id < b.id ? -1 : 1));
    if (sorted.some((row, n) => row !== rows[n])) body.append(...sorted);
  }

  // The server has sent the worst only, or what the address asked for; a search needs them all.
  const asked = new URLSearchParams(location.search);
  let whole = more.hidden && !NAMES.some((name) => asked.get(name));
  let fetching = null;
  const fetchAll = () => (fetching ??= fetch("./?all=yes").then((answer) => answer.text()).then((html) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const rows = document.adoptNode(page.querySelector("table.units tbody"));
    [...rows.rows].forEach((row, n) => { row.hidden = n >= most; });
    body.replaceWith(rows);
    body = rows;
    words.clear();
    whole = true;
  }));
  async function search() {
    if (!whole) await fetchAll();
    apply();
  }

  function choose(values) {
    for (const name of NAMES) form.elements[name].value = values[name] || "";
    most = STEP;
    search();
  }

  form.querySelector("button").hidden = true;
  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  form.addEventListener("focusin", () => { if (!whole) fetchAll(); });
  let waiting = 0;
  form.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => { most = STEP; search(); });
  });
  document.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const tile = event.target.closest(".tile");
    const verdict = tile && tile.dataset.verdict;
    if (event.target.closest("#more")) { event.preventDefault(); most += STEP; search(); return; }
    if (tile) choose({ verdict: form.elements.verdict.value === verdict ? "" : verdict });
    else if (event.target.closest(".filters a")) choose({});
    else return;
    event.preventDefault();
    form.scrollIntoView({ block: "start" });
  });

  // A unit that got worse may be one whose row is not here yet.
  function bring(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    body.append(holder.content);
  }

  const seen = new Map(); // row id -> when its unit last answered, as told since its row was made
  function tellSeen(id) {
    const time = document.getElementById(id)?.querySelector("time[data-ago]");
    if (time && seen.has(id)) time.dateTime = new Date(seen.get(id) * 1000).toISOString();
  }

  function exchanged(row) {
    row.classList.add("changed");
    words.delete(row.id);
  }
  document.addEventListener("late", (event) => {
    if (!event.detail.id.startsWith("u:")) return;
    exchanged(event.detail);
    tellSeen(event.detail.id);
    sort();
    apply();
  });

  function take(news) {
    let moved = false;
    for (const [id, html] of Object.entries(news.parts || {})) {
      const fresh = window.bbu.renew(id, html);
      if (!id.startsWith("u:")) continue;
      seen.delete(id);
      if (window.bbu.waits(id)) continue;
      if (fresh) exchanged(fresh);
      else bring(html);
      moved = true;
    }
    for (const [id, seconds] of Object.entries(news.seen || {})) {
      if (seconds !== null) seen.set(id, seconds);
      tellSeen(id);
    }
    if (moved) sort();
    if (moved || news.parts?.summary) apply();
  }

  window.bbu.onNews(take);
  if (NAMES.some((name) => asked.get(name))) search();
})();
