// The buttons that change something: a dialog says what will happen, asks for the token, sends, and waits for the answer
// that the watcher gives as events with the command's id.
import { $, el } from "./dom.js";
import { t, word, lang } from "./text.js";

const KEY = "relevo-token";
let cluster = null;
let asking = null; // {send, done, id}

export const token = () => sessionStorage.getItem(KEY) ?? "";

export function forgetToken() {
  sessionStorage.removeItem(KEY);
  showToken();
}

export function showToken() {
  $("token-line").hidden = token() === "";
}

function select(name, label, options) {
  return el("p", {}, el("label", { for: `ask-${name}` }, t(label)),
    el("select", { id: `ask-${name}`, name }, options.map(([value, text]) => el("option", { value }, text))));
}

const others = () => cluster.nodes.filter((node) => node.name !== cluster.primary).map((node) => [node.name, `${node.name} (${word("role_", node.role)})`]);
const withAuto = (options) => [["", t("target_auto")], ...options];

// What each action asks, and the body it sends.
const ACTIONS = {
  switchover: { fields: () => [select("node", "target", withAuto(others()))], body: (form) => withNode(form) },
  failover: {
    fields: () => [select("node", "target", withAuto(others())),
      el("label", { class: "check" }, el("input", { type: "checkbox", name: "force" }), " ", t("force"))],
    // Who forces has chosen the node by its name: lossless mode wants to hear it twice.
    body: (form) => ({ ...withNode(form), ...(form.elements.force.checked ? { force: true, confirm: form.elements.node.value || undefined } : {}) }),
  },
  resync: {
    fields: () => [select("node", "node", others()),
      select("method", "method", [["", t("method_auto")], ...["catchup", "rewind", "clone", "dump", "verify"].map((rung) => [rung, word("rung_", rung)])])],
    body: (form) => ({ ...withNode(form), ...(form.elements.method.value ? { method: form.elements.method.value } : {}) }),
  },
  maintenance: { fields: () => [], body: () => ({ on: !cluster.maintenance }), says: () => (cluster.maintenance ? "maintenance_off" : "maintenance_on") },
  ack: { fields: () => [], body: () => ({}) },
};

function withNode(form) {
  return form.elements.node.value ? { node: form.elements.node.value } : {};
}

// The answer has to come within 8 s; of a long one only its beginning.
async function request(path, options, isLong = false) {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 8000);
  const reply = await fetch(`${path}?lang=${lang()}`, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token()}` },
    signal: late.signal });
  if (isLong) clearTimeout(timer);
  if (reply.ok) return reply;
  const problem = await reply.json().catch(() => ({}));
  throw Object.assign(new Error(problem.detail ?? `${reply.status}`), { status: reply.status, id: problem.id });
}

function result(text, tone) {
  $("ask-result").textContent = text;
  $("ask-result").dataset.tone = tone ?? "";
}

function openDialog({ title, says, fields, send }) {
  asking = { send };
  $("ask-title").textContent = title.replace(/…$/, "");
  $("ask-says").replaceChildren(el("ul", {}, says.split("|").map((line) => el("li", {}, line))));
  $("ask-fields").replaceChildren(...fields);
  $("ask-token-row").hidden = token() !== "";
  $("ask-token").value = "";
  $("ask-go").textContent = t("go");
  $("ask-go").disabled = false;
  $("ask-go").hidden = false;
  $("ask-cancel").textContent = t("cancel");
  result("");
  $("ask").showModal();
}

function closing() {
  asking = null;
  $("ask-go").hidden = true;
  $("ask-cancel").textContent = t("close");
}

async function submit(submitted) {
  submitted.preventDefault();
  if (!asking || $("ask-go").disabled) return;
  if (token() === "") {
    if ($("ask-token").value === "") {
      result(t("token_needed"), "bad");
      $("ask-token").focus();
      return;
    }
    sessionStorage.setItem(KEY, $("ask-token").value.trim());
  }
  $("ask-go").disabled = true;
  result(t("sending"), "calm");
  try {
    await asking.send($("ask-form"));
    showToken();
  } catch (error) {
    if (error.status === 401) {
      forgetToken();
      $("ask-token-row").hidden = false;
    }
    result(error.status ? error.message : t("unreachable"), "bad");
    $("ask-go").disabled = false;
  }
}

async function sendCommand(action, body) {
  let says = t("sent"), tone = "calm";
  try {
    const reply = await request(`/api/v1/${action}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    asking.id = (await reply.json()).id;
  } catch (error) {
    if (!error.id) throw error;
    [asking.id, says, tone] = [error.id, error.message, "bad"];  // it may still be carried out: its events tell
  }
  if (asking.early?.detail.id === asking.id) answerTo(asking.early);
  else result(says, tone);
  $("ask-go").hidden = true;
  $("ask-cancel").textContent = t("close");
}

const ANSWERS = { COMMAND_ACCEPTED: ["accepted", "good"], COMMAND_REFUSED: ["refused", "bad"], COMMAND_FINISHED: ["finished", "good"] };

// Events pass here: the answer may even come before the reply that tells the id.
export function answerTo(event) {
  if (!asking || !ANSWERS[event.type] || !event.detail.id) return;
  if (!asking.id) asking.early = event;
  if (event.detail.id !== asking.id) return;
  const failed = event.type === "COMMAND_FINISHED" && (event.detail.result === "failed" || event.severity !== "info");
  const [key, tone] = failed ? ["failed", "bad"] : ANSWERS[event.type];
  result(t(key, { why: event.why }), tone);
}

export function askAction(name) {
  const action = ACTIONS[name];
  const says = action.says ? action.says() : name;
  openDialog({
    title: t(`do_${says}`),
    says: t(`says_${says}`, { primary: cluster.primary || t("the_primary") }),
    fields: action.fields(),
    send: (form) => sendCommand(name, action.body(form)),
  });
}

export function askCancel({ node, method }) {
  openDialog({ title: t("do_cancel"), says: t(method === "verify" ? "says_cancel_check" : "says_cancel", { node }), fields: [], send: () => sendCommand("cancel", { node }) });
}

export function askDownload(file) {
  openDialog({
    title: t("do_download"), says: `${file}|${t("says_download")}`, fields: [],
    send: async () => {
      const blob = await (await request(`/api/v1/rescued/${encodeURIComponent(file)}`, {}, true)).blob();
      const url = URL.createObjectURL(blob);
      el("a", { href: url, download: file }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10000);
      closing();
      $("ask").close();
    },
  });
}

export function showActions(now) {
  cluster = now;
  const off = !cluster.actions;
  $("actions-off").hidden = !off;
  $("actions-off").textContent = off ? t("actions_off", { cluster: cluster.cluster }) : "";
  for (const button of document.querySelectorAll("#actions button[data-action]")) {
    button.disabled = off;
    button.title = off ? t("actions_off", { cluster: cluster.cluster }) : "";
    if (off) button.setAttribute("aria-describedby", "actions-off");
    else button.removeAttribute("aria-describedby");
  }
  document.querySelector('[data-action="maintenance"]').textContent = t(cluster.maintenance ? "do_maintenance_off" : "do_maintenance_on");
}

export function startActions() {
  for (const button of document.querySelectorAll("#actions button[data-action]")) {
    button.addEventListener("click", () => askAction(button.dataset.action));
  }
  $("ask-form").addEventListener("submit", submit);
  $("ask-cancel").addEventListener("click", () => $("ask").close());
  $("ask").addEventListener("close", () => { asking = null; });
  $("token-forget").addEventListener("click", forgetToken);
  showToken();
}
