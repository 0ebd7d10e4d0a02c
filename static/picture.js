// The picture: clients above, nodes below, an arrow for each stream of transactions.
import { svg } from "./dom.js";
import { t, word, duration } from "./text.js";

const WIDTH = 640;
const BOX = { w: 190, h: 62 };
export const TONES = { primary: "good", replica: "calm", fenced: "warn", resync: "work", down: "bad", unknown: "none" };

// Nodes keep their place whatever their role: a failover is seen as colours and arrows that change sides.
function places(nodes) {
  const perRow = nodes.length <= 3 ? nodes.length : Math.ceil(nodes.length / Math.ceil(nodes.length / 3));
  const found = new Map();
  nodes.forEach((node, i) => {
    const row = Math.floor(i / perRow);
    const inRow = Math.min(perRow, nodes.length - row * perRow);
    const step = WIDTH / inRow;
    found.set(node.name, { x: step * ((i % perRow) + 0.5), y: 160 + row * 140 });
  });
  return found;
}

function arrow(from, to, tone, kind, label) {
  const sameRow = Math.abs(from.y - to.y) < 1;
  const side = Math.sign(to.x - from.x);
  const a = sameRow ? { x: from.x + (side * BOX.w) / 2, y: from.y } : { x: from.x, y: from.y + BOX.h / 2 };
  const b = sameRow ? { x: to.x - side * (BOX.w / 2 + 10), y: to.y } : { x: to.x, y: to.y - BOX.h / 2 - 10 };
  const far = sameRow && Math.abs(to.x - from.x) > BOX.w * 2;
  const bend = far ? 90 : 0;
  const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + bend / 2 };
  const path = far
    ? `M ${from.x} ${from.y + BOX.h / 2} Q ${middle.x} ${from.y + BOX.h / 2 + bend} ${to.x} ${to.y + BOX.h / 2 + 10}`
    : `M ${a.x} ${a.y} L ${b.x} ${b.y}`;
  const tip = far ? { x: to.x, y: to.y + BOX.h / 2 + 2 } : { x: b.x + side * 8, y: b.y };
  const head = far
    ? `${tip.x},${tip.y} ${tip.x - 7},${tip.y + 12} ${tip.x + 7},${tip.y + 12}`
    : sameRow
      ? `${tip.x},${tip.y} ${tip.x - side * 12},${tip.y - 7} ${tip.x - side * 12},${tip.y + 7}`
      : `${b.x},${b.y + 8} ${b.x - 7},${b.y - 4} ${b.x + 7},${b.y - 4}`;
  return svg("g", { "data-tone": tone },
    svg("path", { class: `flow ${kind}`, d: path }),
    svg("polygon", { class: "head", points: head }),
    label && svg("text", { class: "label", x: middle.x, y: middle.y - 10 }, label));
}

function box(node, at, busy) {
  return svg("g", { "data-tone": TONES[node.role] ?? "none", "data-busy": busy ? "yes" : "no" },
    svg("rect", { class: "halo", x: at.x - BOX.w / 2, y: at.y - BOX.h / 2, width: BOX.w, height: BOX.h, rx: 12 }),
    svg("rect", { class: "box", x: at.x - BOX.w / 2, y: at.y - BOX.h / 2, width: BOX.w, height: BOX.h, rx: 12 }),
    svg("text", { class: "name", x: at.x, y: at.y - 4 }, node.name),
    svg("text", { class: "sub", x: at.x, y: at.y + 17 }, word("role_", node.role)));
}

export function picture(cluster) {
  const at = places(cluster.nodes);
  const rows = Math.max(...[...at.values()].map((place) => place.y), 160);
  const clients = { x: WIDTH / 2, y: 30 };
  const parts = [], says = [];
  const primary = cluster.nodes.find((node) => node.name === cluster.primary && node.role === "primary");
  const open = primary && primary.healthy && !primary.read_only;
  parts.push(svg("g", { "data-tone": open ? "good" : "bad" },
    svg("rect", { class: "box", x: clients.x - 70, y: clients.y - 20, width: 140, height: 40, rx: 20 }),
    svg("text", { class: "name", x: clients.x, y: clients.y + 5 }, t("clients"))));
  if (primary) {
    const to = at.get(primary.name);
    parts.push(arrow({ x: clients.x + Math.sign(to.x - clients.x) * 40, y: clients.y - BOX.h / 2 + 20 }, to, open ? "good" : "bad",
      open ? "moving" : "broken"));
    says.push(t("picture_primary", { node: primary.name }));
  } else {
    parts.push(svg("text", { class: "sub", x: clients.x, y: clients.y + 45, "data-tone": "bad" }, t("no_service")));
    says.push(t("no_service"));
  }
  for (const node of cluster.nodes) {
    const job = cluster.jobs.find((one) => one.node === node.name && one.active);
    if (job && at.has(job.donor)) {
      parts.push(arrow(at.get(job.donor), at.get(node.name), "work", "moving", word("rung_", job.rung)));
      says.push(t("picture_job", { node: node.name, donor: job.donor }));
    } else if (at.has(node.source) && node.source !== node.name && node.role !== "primary") {
      const streaming = node.receiver === "on" && node.applier === "on" && node.healthy;
      const label = streaming && node.lag_ms !== null ? duration(node.lag_ms) : word("th_", node.receiver);
      parts.push(arrow(at.get(node.source), at.get(node.name), streaming ? "calm" : "bad", streaming ? "moving" : "broken", label));
      if (streaming) says.push(t("picture_says", { replica: node.name, source: node.source }));
    }
  }
  for (const node of cluster.nodes) {
    const busy = cluster.jobs.some((job) => job.node === node.name && job.active);
    parts.push(box(node, at.get(node.name), busy));
  }
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${rows + 60}`, role: "img", "aria-label": says.join(". ") }, parts);
}
