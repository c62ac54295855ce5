"use strict";
// Keeps an open page current: server-sent events bring what has changed, and a notice says
// since when nothing has come. Without scripts the page is as it was when it was asked for.
(() => {
  const QUIET_MS = 12000; // the agent sends a heartbeat every 5 s
  const banner = document.getElementById("connection");
  const live = document.getElementById("live");
  const root = document.body.dataset.root;
  let heard = Date.now();
  let lost = null;

  const two = (n) => String(n).padStart(2, "0");
  const hour = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;
  const span = (s) => {
    if (s < 120) return `${Math.round(s)} s`;
    if (s < 7200) return `${Math.round(s / 60)} min`;
    if (s < 172800) return `${Math.round(s / 3600)} h`;
    return s < 63115200 ? `${Math.round(s / 86400)} days` : `${(s / 31557600).toFixed(1)} years`;
  };

  // Times: "3 s ago" goes on, and moments are told in the reader's own zone.
  function tellTimes(within) {
    const now = Date.now();
    for (const el of within.querySelectorAll("time[data-ago]")) {
      const text = `${span(Math.max(0, (now - Date.parse(el.dateTime)) / 1000))} ago`;
      if (el.textContent !== text) el.textContent = text;
    }
    for (const el of within.querySelectorAll("time[data-clock]")) {
      const date = new Date(el.dateTime);
      const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
      el.textContent = `${day} ${hour(date)}:${two(date.getSeconds())}`;
      el.removeAttribute("data-clock");
      el.title = el.dateTime;
    }
  }

  // What is under a pressed mouse, or was just selected to be copied, waits for its newer form:
  // an element that is exchanged in a click takes the click with it.
  const HOLD_MS = 20000; // a selection that is left behind holds nothing up for longer
  const late = new Map(); // id -> its newest form
  let pressed = null;
  let touched = 0;
  const inUse = (element) => Date.now() - touched < HOLD_MS && (element.contains(pressed)
    || (getSelection().type === "Range" && getSelection().containsNode(element, true)));
  document.addEventListener("pointerdown", (event) => { pressed = event.target; touched = Date.now(); });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => { pressed = null; });
  document.addEventListener("selectionchange", () => { touched = Date.now(); });
  setInterval(() => {
    for (const [id, html] of [...late]) {
      const fresh = renew(id, html);
      if (fresh && !late.has(id)) document.dispatchEvent(new CustomEvent("late", { detail: fresh }));
    }
  }, 300);

  // Exchange an element for its newer form; an open <details> stays open, the focus stays. What is
  // in use stays as it is; that it was exchanged after all is told by the event "late".
  function renew(id, html) {
    const old = document.getElementById(id);
    late.delete(id);
    if (!old) return null;
    if (inUse(old)) { late.set(id, html); return old; }
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.firstElementChild;
    if (!fresh) return null;
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    [...fresh.querySelectorAll("details")].forEach((one, n) => { one.open = open[n] ?? one.open; });
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const scrolled = [...old.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    old.replaceWith(fresh);
    fresh.querySelectorAll(".scroll").forEach((one, n) => { one.scrollLeft = scrolled[n] || 0; });
    if (focused) {
      const href = focused.getAttribute("href");
      const again = focused === old ? fresh
        : [...fresh.querySelectorAll("a, summary, [tabindex]")].find((one) =>
            one.tagName === focused.tagName && one.getAttribute("href") === href);
      if (again) again.focus({ preventScroll: true });
    }
    tellTimes(fresh);
    return fresh;
  }

  // Ask for the page again and take over every section that is marked as live.
  let asking = false;
  let askAgain = false;
  async function refresh() {
    if (asking) { askAgain = true; return; }
    asking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const fresh of page.querySelectorAll("[data-live][id]")) renew(fresh.id, fresh.outerHTML);
      }
    } catch { /* the banner tells */ }
    setTimeout(() => { asking = false; if (askAgain) { askAgain = false; refresh(); } }, 1500);
  }

  function hear() {
    heard = Date.now();
    live.hidden = false;
    if (lost === null) return;
    lost = null;
    banner.hidden = true;
  }

  function miss() {
    if (lost !== null || Date.now() - heard < QUIET_MS) return;
    lost = new Date(heard);
    live.hidden = true;
    banner.className = "banner bad";
    banner.textContent = `No connection to the agent since ${hour(lost)}. What is shown is as of then; it goes on by itself.`;
    banner.hidden = false;
  }

  const listeners = [];
  const waits = (id) => late.has(id);
  window.bbu = { renew, waits, inUse, refresh, span, onNews: (listener) => listeners.push(listener) };

  const address = document.body.dataset.stream;
  function connect() {
    const source = new EventSource(address);
    const on = (name, then) => source.addEventListener(name, (event) => { hear(); then(event); });
    on("hello", () => {});
    on("heartbeat", () => {});
    on("news", (event) => {
      const news = JSON.parse(event.data);
      if (news.restart) { location.reload(); return; }
      for (const listener of listeners) listener(news);
    });
    on("restart", () => location.reload());
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) { setTimeout(connect, 5000); }
      if (Date.now() - heard > 1000) { heard = Math.min(heard, Date.now() - QUIET_MS); miss(); }
    });
  }
  if (address) { connect(); setInterval(miss, 1000); }
  // A screen reader need not be told of every second.
  setInterval(() => { if (!document.hidden && lost === null) tellTimes(document); }, 1000);
  tellTimes(document);
  if (document.body.dataset.refresh !== undefined) listeners.push(refresh);
})();
