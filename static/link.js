// Where the data comes from: the event stream, or, while that does not work, asking every 2 s. Tells its listener
//   state(cluster)  event(event)  log({service, line})  link("live" | "polling" | "lost")
// and stamps each cluster with the local time at which it arrived, so that ages can be counted on.
import { lang } from "./text.js";

const SILENT_MS = 8000; // the stream says something every 5 s
const POLL_MS = 2000;
const RETRY_STREAM_MS = 10000;

export class Link {
  constructor(listener) {
    this.listener = listener;
    this.lastSeq = -1;
    this.heardAt = 0;
    this.open();
    setInterval(() => this.watch(), 1000);
  }

  // Opens the stream anew: at the start, after a change of language, after silence.
  open() {
    this.source?.close();
    this.openedAt = Date.now();
    const after = this.lastSeq >= 0 ? `&after=${this.lastSeq}` : "";
    const source = new EventSource(`/api/v1/stream?lang=${lang()}${after}`);
    this.source = source;
    const on = (name, handle) =>
      source.addEventListener(name, (message) => {
        this.heard("live");
        handle(JSON.parse(message.data));
      });
    on("state", (cluster) => this.take(cluster));
    on("event", (event) => this.takeEvent(event));
    on("log", (line) => this.listener.log(line));
    on("tick", (ages) => this.listener.ages({ ...ages, arrivedAt: Date.now() }));
  }

  restart() {
    this.lastSeq = -1;
    this.open();
  }

  heard(how) {
    this.heardAt = Date.now();
    this.listener.link(how);
  }

  take(cluster) {
    cluster.arrivedAt = Date.now();
    this.listener.state(cluster);
  }

  takeEvent(event) {
    this.lastSeq = Math.max(this.lastSeq, event.seq);
    this.listener.event(event);
  }

  watch() {
    const now = Date.now();
    const silent = now - Math.max(this.heardAt, this.openedAt);
    const streaming = this.source.readyState === EventSource.OPEN && silent < SILENT_MS;
    if (streaming) return;
    if (now - this.openedAt > RETRY_STREAM_MS) this.open();
    if (!this.polling && now - (this.polledAt ?? 0) >= POLL_MS && now - this.openedAt > 1500) this.poll();
  }

  async poll() {
    this.polling = true;
    try {
      const cluster = await get("/api/v1/cluster");
      const { events } = await get("/api/v1/events?limit=100");
      this.heard("polling");
      this.take(cluster);
      for (const event of events.reverse()) this.takeEvent(event);
    } catch {
      this.listener.link("lost");
    }
    this.polledAt = Date.now();
    this.polling = false;
  }
}

export async function get(path) {
  const url = `${path}${path.includes("?") ? "&" : "?"}lang=${lang()}`;
  const reply = await fetch(url, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(3000) });
  if (!reply.ok) throw new Error(`${reply.status}`);
  return reply.json();
}
