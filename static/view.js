// Turns the cluster, its events and what else is known into the page's sections.
import { $, el, show } from "./dom.js";
import { t, word, duration, bytes, clockTime } from "./text.js";
import { picture, TONES } from "./picture.js";

const PHASE_TONES = { STARTING: "none", NORMAL: "good", SUSPECT: "warn", FAILOVER: "bad", SWITCHOVER: "calm", DEGRADED: "warn",
  RESYNC: "work", FROZEN: "warn", NO_PRIMARY: "bad" };
const SEVERITY_TONES = { info: "calm", warning: "warn", error: "bad" };
const JOB_TONES = { queued: "calm", running: "work", done: "good", failed: "bad", cancelled: "warn" };
const MILESTONES = ["FAILOVER", "SWITCHOVER", "RECOVERY", "RESYNC"];

export const phaseTone = (phase) => PHASE_TONES[phase] ?? "none";

// An age that counts on by itself: see tickAges().
function age(cluster, ms) {
  return el("span", { "data-since": ms === null ? "" : cluster.arrivedAt - ms }, ageText(ms));
}

const ageText = (ms) => (ms === null ? t("never") : t("ago", { age: duration(ms) }));

export function tickAges() {
  for (const element of document.querySelectorAll("[data-since]")) {
    if (element.dataset.since) element.textContent = ageText(Math.max(0, Date.now() - Number(element.dataset.since)));
  }
}

const chip = (text) => el("span", { class: "chip" }, text);

export function showPhase(cluster) {
  const section = $("phase");
  const phase = cluster.known ? cluster.phase : "";
  section.dataset.phase = phase;
  section.dataset.tone = phaseTone(phase);
  const set = (id, text) => { if ($(id).textContent !== text) $(id).textContent = text; };
  set("phase-word", phase || "—");
  set("phase-means", cluster.known ? word("means_", phase) : t("lost_nothing"));
  set("phase-why", cluster.known ? cluster.why || t("no_why") : "");
  set("cluster", cluster.cluster);
  set("footer", t("footer", { version: cluster.version }));
  const chips = [
    t("rule", { n: cluster.rule }), t("epoch", { n: cluster.epoch }), word("mode_", cluster.mode),
    cluster.mode === "lossless" && !cluster.sync && t("sync_off"),
    cluster.maintenance && t("maintenance_on"),
    cluster.preferred && t("preferred", { node: cluster.preferred }),
    cluster.intent && t("under_way", { what: [cluster.intent.action, cluster.intent.node].filter(Boolean).join(" ") }),
  ].filter(Boolean);
  show("phase-chips", chips, () => chips.map(chip));
}

const row = (name, ...value) => [el("dt", {}, t(name)), el("dd", {}, ...value)];

// "3e11fa47-71ca-…:1-5" as "3e11fa47…:1-5": what changes is the number.
function shortGtid(text) {
  return text.split(",").map((part) => {
    const [uuid, ...rest] = part.trim().split(":");
    return `${uuid.slice(0, 8)}…:${rest.join(":")}`;
  }).join(", ");
}

function gtidRow(node) {
  if (!node.gtid_executed) return [];
  return row("gtid", el("details", {}, el("summary", { class: "mono" }, shortGtid(node.gtid_executed)), el("code", {}, node.gtid_executed)));
}

function writesText(node) {
  if (node.offline_mode) return t("writes_offline");
  return node.read_only ? t("writes_closed") : t("writes_open");
}

function nodeCard(cluster, node) {
  return el("article", { class: "node", "data-node": node.name, "data-role": node.role, "data-tone": TONES[node.role] ?? "none" },
    el("h3", {}, node.name, el("span", { class: "badge" }, word("role_", node.role))),
    el("dl", {},
      row("health", el("span", { class: node.healthy ? "ok" : "trouble" }, word("out_", node.outcome))),
      node.error && row("error", el("span", { class: "trouble" }, node.error)),
      node.healthy && row("writes", writesText(node)),
      node.source && row("source", node.source),
      node.healthy && node.receiver !== "absent" && row("threads", t("threads_are", { receiver: word("th_", node.receiver), applier: word("th_", node.applier) })),
      node.healthy && node.lag_ms !== null && row("lag", duration(node.lag_ms)),
      node.replication_error && row("error", el("span", { class: "trouble" }, node.replication_error)),
      node.diverged > 0 && row("diverged", el("span", { class: "trouble" }, t("diverged_n", { n: node.diverged }))),
      gtidRow(node),
      node.version && row("version", node.version),
      row("seen", age(cluster, node.seen_age_ms))));
}

// Open <details> stay open when a card is drawn again.
function keepOpen(id, draw) {
  const open = new Set([...$(id).querySelectorAll("[data-node] details[open]")].map((one) => one.closest("[data-node]").dataset.node));
  draw();
  for (const card of $(id).querySelectorAll("[data-node]")) {
    const details = card.querySelector("details");
    if (details && open.has(card.dataset.node)) details.open = true;
  }
}

export function showNodes(cluster) {
  const drawn = cluster.nodes.map(({ name, role, healthy, read_only, source, receiver, applier, lag_ms }) =>
    [name, role, healthy, read_only, source, receiver, applier, lag_ms]);
  const working = cluster.jobs.map(({ node, donor, active, rung }) => [node, donor, active, rung]);
  show("picture", [cluster.primary, drawn, working], () => picture(cluster));
  const lasting = cluster.nodes.map((node) => ({ ...node, seen_age_ms: 0, age_ms: 0, updated_ms: 0, seen_ms: 0 }));
  keepOpen("nodes", () => show("nodes", lasting, () => cluster.nodes.map((node) => nodeCard(cluster, node))));
  cluster.nodes.forEach((node) => {
    const since = document.querySelector(`[data-node="${CSS.escape(node.name)}"] [data-since]`);
    if (since) since.dataset.since = node.seen_age_ms === null ? "" : cluster.arrivedAt - node.seen_age_ms;
  });
}

function jobFigures(job) {
  const done = job.total_bytes === null ? bytes(job.done_bytes) : t("job_done_of", { done: bytes(job.done_bytes), total: bytes(job.total_bytes) });
  return [
    job.step && job.active && t("job_step", { step: word("step_", job.step) }),
    job.done_bytes > 0 && done,
    job.active && job.rate_bytes_s > 0 && t("job_rate", { rate: bytes(job.rate_bytes_s) }),
    job.active && job.left_ms !== null && t("job_left", { time: duration(job.left_ms) }),
    !job.active && job.ended_ms > 0 && t("job_took", { time: duration(job.ended_ms - (job.started_ms || job.queued_ms)) }),
    job.rescued > 0 && t("job_rescued", { n: job.rescued }),
    job.compared_rows > 0 && t("check_rows", { n: job.compared_rows, tables: job.compared_tables }),
  ].filter(Boolean);
}

function differenceWord(one) {
  if (one.kind === "") return "check_difference";
  return one.rows === 0 ? "check_missing" : one.rows_primary === 0 ? "check_extra" : "check_definition";
}

function jobCard(job, onCancel) {
  const progress = job.total_bytes > 0
    ? el("progress", { max: job.total_bytes, value: Math.min(job.done_bytes, job.total_bytes), "aria-label": job.node })
    : el("progress", { "aria-label": job.node });
  const isCheck = job.method === "verify";
  const tone = job.differing > 0 ? "bad" : JOB_TONES[job.phase] ?? "none";
  const found = !isCheck || (job.differing === 0 && job.phase !== "done") ? null : job.differing > 0 ? t("check_differs", { n: job.differing }) : t("check_same");
  return el("article", { class: "job", [isCheck ? "data-check" : "data-job"]: job.node, "data-phase": job.phase, "data-tone": tone },
    el("h3", {}, job.node, el("span", { class: "badge" }, word("rung_", isCheck ? "verify" : job.rung)), el("span", { class: "badge" }, word("job_", job.phase)),
      found && el("span", { class: "badge" }, found),
      job.donor && el("span", { class: "quiet" }, t("job_from", { donor: job.donor })),
      job.active && el("button", { type: "button", class: "plain", onclick: () => onCancel(job) }, t("job_cancel"))),
    job.active && progress,
    el("p", { class: "foot" }, jobFigures(job).map((text) => el("span", {}, text))),
    job.why && el("p", {}, job.why),
    job.lasting && job.phase === "failed" && el("p", {}, t("job_lasting", { node: job.node })),
    job.differing > 0 && el("ul", {}, job.differences.map((one) => el("li", {}, t(differenceWord(one), one)))),
    job.left_out > 0 && el("p", {}, t("job_left_out", { n: job.left_out })),
    job.not_copied.length > 0 && el("ul", {}, job.not_copied.map((one) => el("li", {}, t("job_not_copied", one)))),
    job.refused.length > 0 && el("ul", {}, job.refused.map((one) =>
      el("li", {}, t("job_refused", { rung: word("rung_", one.rung), why: one.why })))));
}

export function showJobs(cluster, onCancel, canAct) {
  const jobs = [...cluster.jobs, ...cluster.checks];
  const lasting = jobs.map((job) => ({ ...job, age_ms: 0, updated_ms: 0 }));
  show("jobs", [lasting, canAct], () => {
    if (jobs.length === 0) return el("p", { class: "quiet" }, t("no_jobs"));
    const newestFirst = jobs.sort((a, b) => b.active - a.active || b.queued_ms - a.queued_ms);
    const cards = newestFirst.map((job) => jobCard(job, onCancel));
    if (!canAct) cards.forEach((card) => card.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
    return cards;
  });
}

export function showHistory(events) {
  const rows = events.filter((event) => MILESTONES.includes(event.type)).slice(0, 20);
  show("history", rows.map((event) => [event.seq, event.why]), () => rows.length === 0
    ? el("p", { class: "quiet" }, t("no_history"))
    : el("div", { class: "table" }, el("table", {},
      el("thead", {}, el("tr", {}, ["h_when", "h_what", "h_took", "h_why"].map((name) => el("th", { scope: "col" }, t(name))))),
      el("tbody", {}, rows.map((event) => el("tr", { "data-type": event.type },
        el("td", { class: "number" }, clockTime(event.ts_ms)),
        el("td", {}, event.type),
        el("td", { class: "number" }, event.took_ms === null ? "–" : duration(event.took_ms)),
        el("td", {}, event.why)))))));
}

function eventLine(event, fresh) {
  return el("li", { "data-seq": event.seq, "data-type": event.type, "data-tone": SEVERITY_TONES[event.severity] ?? "none", class: fresh ? "new" : null },
    el("time", { datetime: event.ts }, clockTime(event.ts_ms)),
    el("span", {}, el("strong", {}, event.type), ` ${event.node} `,
      el("span", { class: "quiet" }, event.rule > 0 ? `${event.source} · ${t("rule", { n: event.rule })}` : event.source)),
    el("span", { class: "why" }, event.why));
}

let newestShown = 0;
export function showEvents(events, withProgress) {
  const list = events.filter((event) => withProgress || event.type !== "RESYNC_PROGRESS").slice(0, 100);
  const before = newestShown;
  newestShown = Math.max(newestShown, ...list.map((event) => event.seq));
  show("events", list.map((event) => [event.seq, event.why]), () => list.length === 0
    ? el("li", { class: "quiet" }, t("no_events"))
    : list.map((event) => eventLine(event, before > 0 && event.seq > before)));
}

const VERDICT_TONES = { no: "good", waiting: "warn", now: "bad", blocked: "warn", unknown: "none" };

// Each vantage point: our own probe of the node, and what the node's receiver says of its source.
function factLines(fact, primary) {
  const probe = t("fact_probe", { node: fact.node, outcome: t(`out_${fact.outcome}`), age: ageText(fact.age_ms) });
  const hears = t("fact_hears", { node: fact.node, source: fact.source, receiver: word("th_", fact.receiver), age: ageText(fact.heard_age_ms) });
  return [el("li", {}, probe), fact.source && fact.node !== primary && el("li", {}, hears)].filter(Boolean);
}

export function showVerdict(verdict) {
  const candidates = verdict.if_the_primary_died_now;
  const lacks = (one) => (one.missing === null ? t("missing_null") : one.missing === 0 ? t("missing_0") : t("missing", { n: one.missing }));
  const dead = verdict.if_dead;
  const shown = [verdict.would_fail_over, verdict.says, dead, verdict.ways, verdict.facts, candidates];
  show("verdict", shown, () => [
    el("p", { class: "answer", "data-tone": VERDICT_TONES[verdict.would_fail_over] ?? "none" }, verdict.says),
    verdict.ways.length > 0 && el("p", { class: "quiet" }, t("ways")),
    verdict.ways.length > 0 && el("ul", { class: "ways" }, verdict.ways.map((way) => el("li", {},
      el("code", {}, way.command), ` ${way.does} `, el("span", { class: "trouble" }, `${t("risk")} ${way.risk}`)))),
    dead && el("p", { class: "forecast", "data-tone": dead.would_fail_over ? "good" : "warn" }, dead.says),
    dead?.loses && el("p", { class: "quiet" }, dead.loses.says),
    dead?.takes && el("p", { class: "quiet" }, dead.takes.says),
    candidates.length > 0 && el("p", { class: "quiet" }, t("if_died")),
    candidates.length > 0 && el("ul", {}, candidates.map((one) => el("li", { class: one.able ? null : "trouble" }, `${one.says} (${lacks(one)})`,
      one.lacks && one.lacks !== one.says && el("span", { class: "trouble" }, ` ${one.lacks}`)))),
    el("p", { class: "quiet" }, t("seen_from")),
    el("ul", { class: "facts" }, verdict.facts.flatMap((fact) => factLines(fact, verdict.primary))),
  ].filter(Boolean));
}

export function showRescued(answer, onDownload) {
  show("rescued", answer, () => {
    if (answer === null) return el("p", { class: "quiet" }, t("rescued_off"));
    const files = answer.rescued;
    if (files.length === 0) return el("p", { class: "quiet" }, t("no_rescued"));
    const count = (one) => one.summary?.transactions ?? one.summary?.count;
    return [el("p", {}, t("rescued_says")), el("ul", {}, files.map((one) => el("li", { "data-file": one.file },
      el("span", { class: "mono" }, one.file), ` · ${bytes(one.bytes)} · ${clockTime(one.modified_ms)} `,
      Number.isInteger(count(one)) && `· ${t("rescued_count", { n: count(one) })} `,
      el("button", { type: "button", class: "plain", onclick: () => onDownload(one.file) }, t("download"))))),
    answer.next_before && el("p", { class: "quiet" }, t("rescued_more", { before: answer.next_before }))].filter(Boolean);
  });
}

export function showLog(lines) {
  const box = $("log");
  const atEnd = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
  const text = lines.length > 0 ? lines.join("\n") : t("no_log");
  if (box.textContent === text) return;
  box.textContent = text;
  if (atEnd) box.scrollTop = box.scrollHeight;
}
