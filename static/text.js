// Every word of the page, in Spanish and English. A text's {name} is replaced by a value.
const texts = {
  skip: ["Ir al contenido", "Skip to content"],
  docs: ["API", "API"],
  other_lang: ["English", "Español"],
  theme_dark: ["Oscuro", "Dark"],
  theme_light: ["Claro", "Light"],
  topology: ["Quién replica de quién", "Who replicates from whom"],
  jobs: ["Resincronizaciones", "Resyncs"],
  history: ["Relevos", "History"],
  actions: ["Acciones", "Actions"],
  verdict: ["¿Haría failover ahora mismo?", "Would it fail over right now?"],
  rescued: ["Transacciones rescatadas", "Rescued transactions"],
  events: ["Últimos eventos", "Last events"],
  events_all: ["mostrar también el progreso de las copias", "also show the progress of copies"],
  logs: ["Registros", "Logs"],

  link_waiting: ["conectando", "connecting"],
  link_live: ["en directo", "live"],
  link_polling: ["consultando cada 2 s", "asking every 2 s"],
  link_lost: ["sin conexión", "no connection"],
  lost_page: ["No hay conexión con el dashboard: lo que se ve es viejo.", "No connection to the dashboard: what you see is old."],
  lost_redis: ["El dashboard no llega a Redis: lo que se ve es viejo. El failover no depende de esta página.", "The dashboard cannot reach Redis: what you see is old. Failover does not depend on this page."],
  lost_watcher: ["El watcher no renueva el estado: ¿está db-watcher en marcha?", "The watcher is not renewing the state: is db-watcher running?"],
  lost_nothing: ["Todavía no hay estado: db-watcher no ha publicado nada.", "There is no state yet: db-watcher has published nothing."],

  means_STARTING: ["El watcher está conociendo el cluster.", "The watcher is getting to know the cluster."],
  means_NORMAL: ["Un primario escribe y todas las réplicas lo siguen.", "One primary writes and every replica follows it."],
  means_SUSPECT: ["El primario ha fallado alguna respuesta; se buscan pruebas antes de actuar.", "The primary missed an answer; looking for evidence before acting."],
  means_FAILOVER: ["El primario ha caído: se está promoviendo una réplica.", "The primary is dead: a replica is being promoted."],
  means_SWITCHOVER: ["Relevo ordenado en marcha, sin perder nada.", "An orderly hand-over is under way; nothing is lost."],
  means_DEGRADED: ["Se puede escribir, pero falta alguna réplica.", "Writes work, but a replica is missing."],
  means_RESYNC: ["Se puede escribir; un nodo se está poniendo al día.", "Writes work; a node is being brought back."],
  means_FROZEN: ["La automatización está parada. Nadie promoverá a nadie hasta que una persona lo diga.", "Automation has stopped. Nobody is promoted until a person says so."],
  means_NO_PRIMARY: ["No hay primario y promover a alguien no es seguro. Hace falta una persona.", "There is no primary, and promoting anyone is not safe. A person is needed."],
  means_: ["", ""],
  no_why: ["Sin motivo publicado.", "No reason was published."],
  rule: ["regla {n}", "rule {n}"],
  epoch: ["época {n}", "epoch {n}"],
  mode_async: ["replicación asíncrona", "asynchronous replication"],
  mode_lossless: ["sin pérdida (semisíncrona)", "lossless (semi-sync)"],
  sync_off: ["sin esperar confirmaciones", "not waiting for acknowledgements"],
  maintenance_on: ["mantenimiento", "maintenance"],
  preferred: ["preferido: {node}", "preferred: {node}"],
  under_way: ["en marcha: {what}", "under way: {what}"],
  state_age: ["estado de hace {age}", "state {age} old"],

  role_unknown: ["desconocido", "unknown"],
  role_primary: ["primario", "primary"],
  role_replica: ["réplica", "replica"],
  role_fenced: ["vallado", "fenced"],
  role_resync: ["resincronizando", "resyncing"],
  role_down: ["caído", "down"],
  out_none: ["aún sin sondear", "not probed yet"],
  out_ok: ["responde", "answers"],
  out_refused: ["conexión rechazada", "connection refused"],
  out_gone: ["el nombre ya no existe", "the name is gone"],
  out_unreachable: ["inalcanzable", "unreachable"],
  out_timeout: ["no responde a tiempo", "does not answer in time"],
  out_lost: ["conexión cortada", "connection lost"],
  out_overloaded: ["vivo, pero saturado", "alive, but overloaded"],
  out_denied: ["vivo, pero rechaza nuestra cuenta", "alive, but refuses our account"],
  out_unfit: ["no sirve: no es MySQL 8.4 o posterior", "unfit: not MySQL 8.4 or later"],
  out_starting: ["arrancando o parando", "starting or stopping"],
  out_error: ["vivo, pero la consulta falla", "alive, but the query fails"],
  health: ["salud", "health"],
  lag: ["retraso", "lag"],
  threads: ["hilos", "threads"],
  threads_are: ["recibe {receiver} · aplica {applier}", "receiver {receiver} · applier {applier}"],
  th_absent: ["sin configurar", "absent"],
  th_off: ["parado", "off"],
  th_connecting: ["conectando", "connecting"],
  th_on: ["en marcha", "on"],
  source: ["sigue a", "follows"],
  writes: ["escritura", "writes"],
  writes_open: ["abierta", "open"],
  writes_closed: ["cerrada (read_only)", "closed (read_only)"],
  writes_offline: ["cerrada (offline_mode)", "closed (offline_mode)"],
  version: ["versión", "version"],
  gtid: ["GTID", "GTID"],
  diverged: ["transacciones", "transactions"],
  diverged_n: ["{n} que el primario no tiene", "{n} that the primary lacks"],
  seen: ["visto", "seen"],
  ago: ["hace {age}", "{age} ago"],
  never: ["nunca", "never"],
  error: ["error", "error"],
  clients: ["Clientes", "Clients"],
  no_service: ["sin primario: nadie escribe", "no primary: nobody writes"],
  picture_says: ["{replica} replica de {source}", "{replica} replicates from {source}"],
  picture_job: ["{node} se resincroniza desde {donor}", "{node} is resynced from {donor}"],
  picture_primary: ["{node} es el primario", "{node} is the primary"],

  no_jobs: ["Ninguna: no hay nodos que recuperar.", "None: no node needs to be brought back."],
  rung_auto: ["por decidir", "not chosen yet"],
  rung_catchup: ["ponerse al día", "catch-up"],
  rung_rewind: ["rebobinar", "rewind"],
  rung_clone: ["clonar", "clone"],
  rung_dump: ["volcado", "dump"],
  rung_verify: ["comparar", "compare"],
  job_queued: ["en cola", "queued"],
  job_running: ["en marcha", "running"],
  job_done: ["terminada", "done"],
  job_failed: ["fallida", "failed"],
  job_cancelled: ["cancelada", "cancelled"],
  job_none: ["", ""],
  job_from: ["desde {donor}", "from {donor}"],
  step_connect: ["conectar", "connect"],
  step_plan: ["elegir el camino", "choose the way"],
  step_rescue: ["guardar lo divergente", "save what diverged"],
  step_fence: ["cerrar el nodo", "close the node"],
  step_clone: ["copiar", "copy"],
  step_dump: ["copiar", "copy"],
  step_copy: ["copiar", "copy"],
  step_restart: ["reiniciar", "restart"],
  step_attach: ["enganchar la réplica", "attach the replica"],
  step_follow: ["ponerse al día", "catch up"],
  step_compare: ["comparar", "compare"],
  job_step: ["paso: {step}", "step: {step}"],
  job_done_of: ["{done} de {total}", "{done} of {total}"],
  job_rate: ["{rate}/s", "{rate}/s"],
  job_left: ["quedan {time}", "{time} left"],
  job_took: ["tardó {time}", "took {time}"],
  job_rescued: ["transacciones rescatadas: {n}", "transactions rescued: {n}"],
  check_rows: ["filas comparadas: {n}, en {tables} tablas", "rows compared: {n}, in {tables} tables"],
  check_same: ["datos iguales", "same data"],
  check_differs: ["{n} diferencias", "{n} differences"],
  check_difference: ["{table}: {rows} filas, {rows_primary} en el primario. {where}", "{table}: {rows} rows, {rows_primary} on the primary. {where}"],
  check_definition: ["{kind} {table}: no está definido igual", "{kind} {table}: not defined alike"],
  check_missing: ["{kind} {table}: falta en el nodo", "{kind} {table}: missing on the node"],
  check_extra: ["{kind} {table}: solo está en el nodo", "{kind} {table}: only on the node"],
  job_lasting: ["Repetirlo fallaría igual: arregle lo que dice y pida resync {node}", "Another try would fail alike: mend what it says and ask for resync {node}"],
  job_left_out: ["No se copió igual: {n}", "Not carried over as it was: {n}"],
  job_not_copied: ["{object}: {why}", "{object}: {why}"],
  job_refused: ["Descartado {rung}: {why}", "Refused {rung}: {why}"],
  job_cancel: ["Cancelar", "Cancel"],

  no_history: ["Todavía no ha habido ningún relevo.", "No hand-over has happened yet."],
  h_when: ["cuándo", "when"],
  h_what: ["qué", "what"],
  h_took: ["tardó", "took"],
  h_why: ["por qué", "why"],
  no_events: ["Sin eventos todavía.", "No events yet."],
  no_rescued: ["Ninguna: nunca hubo que apartar nada.", "None: nothing ever had to be set aside."],
  rescued_off: ["No se puede leer el directorio de rescatadas.", "The directory of rescued transactions cannot be read."],
  rescued_says: ["Transacciones que no llegaron a replicarse. Se guardaron antes de tocar nada; el README explica cómo verlas y volver a aplicarlas.", "Transactions that were not replicated. They were saved before anything was touched; the README tells how to look at them and apply them again."],
  rescued_more: ["Hay más antiguas: /api/v1/rescued?before={before}", "There are older ones: /api/v1/rescued?before={before}"],
  rescued_count: ["transacciones: {n}", "transactions: {n}"],
  download: ["Descargar", "Download"],
  no_log: ["Sin líneas todavía.", "No lines yet."],

  ways: ["Qué puede hacer una persona:", "What a person may do:"],
  risk: ["Riesgo:", "Risk:"],
  seen_from: ["Lo que se ve, y desde dónde:", "What is seen, and from where:"],
  fact_probe: ["sonda propia → {node}: {outcome} ({age})", "own probe → {node}: {outcome} ({age})"],
  fact_hears: ["{node} → {source}: receptor {receiver}, lo oyó {age}", "{node} → {source}: receiver {receiver}, heard it {age}"],
  if_died: ["Si el primario muriera ahora:", "If the primary died now:"],
  missing: ["sin recibir en el último sondeo: {n}", "not received at the last probe: {n}"],
  missing_0: ["lo ha recibido todo", "it has received everything"],
  missing_null: ["no se sabe cuánto le falta", "how much it lacks is not known"],

  do_switchover: ["Relevo ordenado…", "Switchover…"],
  do_failover: ["Failover…", "Failover…"],
  do_resync: ["Resincronizar…", "Resync…"],
  do_maintenance_on: ["Mantenimiento…", "Maintenance…"],
  do_maintenance_off: ["Salir de mantenimiento…", "End maintenance…"],
  do_ack: ["Reconocer (ack)…", "Acknowledge (ack)…"],
  do_cancel: ["Cancelar resincronización", "Cancel resync"],
  do_download: ["Descargar transacciones rescatadas", "Download rescued transactions"],
  actions_off: ["Las acciones están desactivadas porque no hay token. Ponga RELEVO_API_TOKEN en .env (por ejemplo con «openssl rand -hex 32») y vuelva a levantar el dashboard con «docker-compose up -d». Desde la consola todo sigue funcionando: docker exec redis redis-cli PUBLISH relevo:{cluster}:commands failover", "Actions are off because there is no token. Set RELEVO_API_TOKEN in .env (for instance with “openssl rand -hex 32”) and start the dashboard again with “docker-compose up -d”. From the console everything still works: docker exec redis redis-cli PUBLISH relevo:{cluster}:commands failover"],
  token_label: ["Token (RELEVO_API_TOKEN)", "Token (RELEVO_API_TOKEN)"],
  token_hint: ["Se guarda solo en esta pestaña.", "Kept in this tab only."],
  token_kept: ["El token está guardado en esta pestaña.", "The token is kept in this tab."],
  token_forget: ["Olvidarlo", "Forget it"],
  token_needed: ["Escriba el token.", "Enter the token."],
  cancel: ["Volver", "Go back"],
  close: ["Cerrar", "Close"],
  target: ["Nodo que tomará el relevo", "Node that takes over"],
  target_auto: ["que elija el watcher", "let the watcher choose"],
  node: ["Nodo", "Node"],
  method: ["Método", "Method"],
  method_auto: ["el más barato que sirva", "the cheapest that works"],
  force: ["Forzar: acepto perder lo que se explica arriba", "Force: I accept the loss that is explained above"],
  the_primary: ["el primario", "the primary"],
  says_switchover: ["Se cierra {primary} a las escrituras, la réplica aplica hasta la última transacción y toma el relevo.|No se pierde nada. Las escrituras se interrumpen un instante y las conexiones del antiguo primario se cortan.|Si la réplica no llega a tiempo, todo vuelve a quedar como estaba.", "{primary} is closed to writes, the replica applies up to the last transaction and takes over.|Nothing is lost. Writes pause for a moment and connections to the old primary are cut.|If the replica cannot make it in time, everything returns to how it was."],
  says_failover: ["Si {primary} está vivo, se hace un relevo ordenado y no se pierde nada.|Si está muerto, se promueve la réplica más avanzada: lo que no llegó a replicarse quedará fuera hasta que se rescate del nodo caído.|Forzar solo hace falta cuando el watcher se niega porque no es seguro.", "If {primary} is alive, this is an orderly switchover and nothing is lost.|If it is dead, the most advanced replica is promoted: what was not replicated stays out until it is rescued from the dead node.|Forcing is only needed when the watcher refuses because it is not safe."],
  says_resync: ["El nodo queda cerrado a los clientes mientras dura.|Lo que tuviera de más se guarda antes de deshacer o sobrescribir nada.|Clonar y volcar sustituyen todos sus datos por los del primario.|Comparar no cambia ni cierra nada.", "The node is closed to clients while it lasts.|Whatever it has in excess is saved before anything is undone or overwritten.|Clone and dump replace all of its data with the primary's.|To compare changes and closes nothing."],
  says_maintenance_on: ["El watcher sigue mirando, pero no promoverá ni vallará a nadie.|Si el primario cae, el servicio se detiene hasta que usted actúe.", "The watcher keeps looking, but promotes and fences nobody.|If the primary dies, service stops until you act."],
  says_maintenance_off: ["El watcher vuelve a decidir por sí mismo desde este momento.", "From this moment the watcher decides by itself again."],
  says_ack: ["Dice al watcher que usted ha visto el problema y que puede volver a actuar.|El contador de failovers empieza de cero.", "Tells the watcher that you have seen the problem and that it may act again.|The failover counter starts from zero."],
  says_cancel_check: ["La comparación de {node} se deja.", "The comparison of {node} is given up."],
  says_cancel: ["La resincronización de {node} se detiene en el siguiente paso seguro. El nodo sigue cerrado a los clientes.", "The resync of {node} stops at its next safe step. The node stays closed to clients."],
  says_download: ["El fichero contiene filas de la base de datos: por eso se pide el token.", "The file holds rows of the database: that is why the token is asked for."],
  go: ["Adelante", "Go ahead"],
  sending: ["Enviando…", "Sending…"],
  sent: ["Enviada. Esperando respuesta del watcher…", "Sent. Waiting for the watcher's answer…"],
  accepted: ["Aceptada: {why}", "Accepted: {why}"],
  refused: ["Rechazada: {why}", "Refused: {why}"],
  finished: ["Terminada: {why}", "Finished: {why}"],
  failed: ["Fallida: {why}", "Failed: {why}"],
  unreachable: ["No se pudo hablar con el dashboard.", "The dashboard could not be reached."],
  footer: ["Relevo {version} · cada decisión lleva su número de regla", "Relevo {version} · every decision carries its rule number"],
};

let column = 0;

export function setLang(lang) {
  column = lang === "en" ? 1 : 0;
  document.documentElement.lang = lang;
}

export function lang() {
  return column === 1 ? "en" : "es";
}

export function t(key, values = {}) {
  const text = (texts[key] ?? [key, key])[column];
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// For words that a newer service may know and this page does not.
export function word(prefix, name) {
  return texts[prefix + name] ? t(prefix + name) : String(name);
}

export function fillTexts(root = document) {
  for (const element of root.querySelectorAll("[data-text]")) {
    element.textContent = t(element.dataset.text);
  }
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

export function bytes(n) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`;
}

export function clockTime(ms) {
  const date = new Date(ms);
  const today = new Date().toDateString() === date.toDateString();
  const time = date.toLocaleTimeString(lang(), { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return today ? time : `${date.toLocaleDateString(lang(), { day: "2-digit", month: "2-digit" })} ${time}`;
}
