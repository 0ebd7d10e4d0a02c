// The page: takes what the link brings, keeps the last events and log lines, draws. Reading order: link.js (where data comes
// from), view.js and picture.js (how it looks), actions.js (what one can do), text.js (every word).
import { $, forgetShown } from "./dom.js";
import { t, setLang, lang, fillTexts, duration } from "./text.js";
import { Link, get } from "./link.js";
import * as view from "./view.js";
import { startActions, showActions, answerTo, askCancel, askDownload, showToken } from "./actions.js";

const EVENTS_MOST = 300;
const LINES_MOST = 200;
const ICONS = { good: "good", calm: "good", work: "warn", warn: "warn", bad: "bad", none: "unknown" };

let cluster = null;
let ages = null;     // the newest of cluster and tick: {age_ms, read_age_ms, stale, connected, arrivedAt}
let events = [];     // newest first
let milestones = []; // newest first
let lines = { watcher: [], resync: [] };
let logShown = "watcher";
let linkState = "waiting";
let rescued = { rescued: [] };
let verdictTimer = null, rescuedTimer = null;
let drawing = false;

function remember(list, event, most) {
  if (list.some((one) => one.seq === event.seq && one.ts_ms === event.ts_ms)) return list;
  const joined = [event, ...list];
  joined.sort((a, b) => b.ts_ms - a.ts_ms || b.seq - a.seq);
  return joined.slice(0, most);
}

// ---- trouble with the data itself

// The oldest thing that is wrong between the watcher and this page: [text, level, age in ms] or null.
function trouble() {
  if (!cluster) return linkState === "lost" ? [t("unreachable"), "bad"] : null;
  const since = Date.now() - ages.arrivedAt;
  const stateAge = (ages.age_ms ?? 0) + since;
  if (linkState === "lost") return [t("lost_page"), "bad", since];
  if (!ages.connected) return [t("lost_redis"), "bad", stateAge];
  if (!cluster.known) return [t("lost_nothing"), "warn"];
  if (ages.stale) return [t("lost_watcher"), "bad", stateAge];
  return null;
}

function drawTrouble() {
  const found = trouble();
  const banner = $("banner");
  banner.hidden = found === null;
  if (found) banner.dataset.level = found[1];
  // A screen reader says the text whenever it changes, so what changes each second stands apart from it.
  const says = found?.[0] ?? "";
  if ($("banner-text").textContent !== says) $("banner-text").textContent = says;
  $("banner-age").textContent = found?.[2] === undefined ? "" : `(${t("ago", { age: duration(found[2]) })})`;
  const tone = found ? found[1] : view.phaseTone(cluster?.phase);
  const sign = { good: "●", calm: "●", work: "◐", warn: "▲", bad: "✖", none: "○" }[tone];
  const phase = cluster?.known ? cluster.phase : "…";
  document.title = `${sign} ${found?.[1] === "bad" ? `${phase}?` : phase} · Relevo`;
  $("main").dataset.old = found?.[1] === "bad" ? "yes" : "no";
  const icon = `/static/icon-${ICONS[tone]}.svg`;
  if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
}

// ---- drawing

function draw() {
  if (cluster) {
    view.showPhase(cluster);
    view.showNodes(cluster);
    view.showJobs(cluster, askCancel, cluster.actions);
    showActions(cluster);
  }
  view.showEvents(events, $("events-all").checked);
  view.showHistory(milestones);
  view.showRescued(rescued, askDownload);
  view.showLog(lines[logShown]);
  drawTrouble();
}

function drawSoon() {
  if (drawing) return;
  drawing = true;
  // A hidden page gets no animation frames, and its title must still change.
  (document.hidden ? (run) => setTimeout(run, 100) : requestAnimationFrame)(() => {
    drawing = false;
    draw();
  });
}

function drawLink() {
  $("link").dataset.state = linkState;
  $("link").textContent = t(`link_${linkState}`);
}

// ---- what is asked for besides the stream

async function readVerdict() {
  try {
    view.showVerdict(await get("/api/v1/verdict"));
  } catch {
    // The banner already says that nobody answers.
  }
}

function verdictSoon() {
  verdictTimer ??= setTimeout(() => {
    verdictTimer = null;
    readVerdict();
  }, 400);
}

function rescuedSoon() {
  rescuedTimer ??= setTimeout(async () => {
    rescuedTimer = null;
    rescued = await get("/api/v1/rescued").catch(() => null);
    drawSoon();
  }, 300);
}

async function readAll() {
  readVerdict();
  rescuedSoon();
  try {
    const old = await get("/api/v1/events?kind=milestones&limit=20");
    for (const event of old.events) milestones = remember(milestones, event, 40);
    for (const name of ["watcher", "resync"]) {
      lines[name] = (await get(`/api/v1/logs/${name}?limit=100`)).lines;
    }
  } catch {
    // The stream brings what is new; the rest comes with the next reading.
  }
  drawSoon();
}

const listener = {
  state(now) {
    if (cluster?.phase !== now.phase || cluster?.epoch !== now.epoch) verdictSoon();
    cluster = now;
    ages = now;
    drawSoon();
  },
  ages(now) {
    ages = now;
    drawTrouble();
  },
  event(event) {
    events = remember(events, event, EVENTS_MOST);
    if (["FAILOVER", "SWITCHOVER", "RECOVERY", "RESYNC"].includes(event.type)) milestones = remember(milestones, event, 40);
    if (event.type === "RESCUED") rescuedSoon();
    answerTo(event);
    drawSoon();
  },
  log({ service, line }) {
    lines[service] = [...lines[service], line].slice(-LINES_MOST);
    drawSoon();
  },
  link(state) {
    if (state === linkState) return;
    if (linkState === "lost") readAll(); // what was missed meanwhile
    linkState = state;
    drawLink();
    drawTrouble();
  },
};

// ---- language and theme

function theme() {
  return document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function drawChrome() {
  fillTexts();
  $("lang").textContent = t("other_lang");
  $("lang").lang = lang() === "es" ? "en" : "es";
  $("theme").textContent = t(theme() === "dark" ? "theme_light" : "theme_dark");
  drawLink();
}

function applyLang(name) {
  setLang(name);
  localStorage.setItem("relevo-lang", name);
  drawChrome();
}

function start() {
  const asked = new URLSearchParams(location.search).get("lang");
  applyLang(asked ?? localStorage.getItem("relevo-lang") ?? (navigator.language.startsWith("en") ? "en" : "es"));
  const kept = localStorage.getItem("relevo-theme");
  if (kept) document.documentElement.dataset.theme = kept;
  drawChrome();
  startActions();
  const link = new Link(listener);
  $("lang").addEventListener("click", () => {
    applyLang(lang() === "es" ? "en" : "es");
    events = [];
    milestones = [];
    forgetShown();
    link.restart();
    readAll();
    showToken();
    drawSoon();
  });
  $("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    localStorage.setItem("relevo-theme", theme());
    drawChrome();
  });
  $("events-all").addEventListener("change", drawSoon);
  for (const tab of document.querySelectorAll("[data-log]")) {
    tab.addEventListener("click", () => {
      logShown = tab.dataset.log;
      document.querySelectorAll("[data-log]").forEach((one) => one.setAttribute("aria-pressed", one === tab));
      drawSoon();
    });
  }
  readAll();
  setInterval(() => {
    view.tickAges();
    drawTrouble();
  }, 1000);
  setInterval(readVerdict, 10000);
}

start();
