"use strict";
// Replaces each section that has changed, and keeps what the user has opened, focused, typed or selected.
const root = document.documentElement;
const live = document.getElementById("live");
const shown = new Map();
const sections = (page) => page.querySelectorAll("[data-live]");
for (const one of sections(document)) shown.set(one.id, one.outerHTML);

function isInUse(section) {
  const focused = document.activeElement;
  const selection = getSelection();
  return (section.contains(focused) && focused.matches("input"))
    || (!selection.isCollapsed && section.contains(selection.anchorNode));
}

function replace(old, fresh) {
  for (const opened of old.querySelectorAll("details[open]")) {
    const same = fresh.querySelector("#" + CSS.escape(opened.id));
    if (same) same.open = true;
  }
  const focused = old.contains(document.activeElement) && document.activeElement.closest("details[id]");
  old.replaceWith(fresh);
  if (focused) document.getElementById(focused.id)?.querySelector("summary").focus({preventScroll: true});
}

function say(state, text) {
  live.hidden = false;
  live.dataset.state = state;
  if (live.lastChild.textContent !== text) live.lastChild.textContent = text;
}

async function look() {
  if (document.hidden) return;
  const answer = await fetch(location.href, {cache: "no-store"});
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  root.dataset.refresh = page.documentElement.dataset.refresh;
  for (const fresh of sections(page)) {
    const old = document.getElementById(fresh.id);
    const html = fresh.outerHTML;
    if (!old || shown.get(fresh.id) === html || isInUse(old)) continue;
    replace(old, document.adoptNode(fresh));
    shown.set(fresh.id, html);
  }
}

async function watch() {
  try {
    await look();
    say("live", "live");
  } catch {
    say("lost", "does not answer");
  }
  setTimeout(watch, Number(root.dataset.refresh) || 2000);
}

say("live", "live");
setTimeout(watch, Number(root.dataset.refresh));
document.addEventListener("visibilitychange", () => { if (!document.hidden) look().catch(() => {}); });
