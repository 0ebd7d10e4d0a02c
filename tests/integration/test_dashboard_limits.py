"""The dashboard and bad weather: limits, slow and broken clients, Redis away, frozen, wiped, or late."""
import contextlib
import http.client
import json
import select
import signal
import socket
import subprocess
import time

from lib.dashboard_lab import A, B, BINARY, KEY, TOKEN, Dashboard, Listener, Redis, now_ms
from lib.run import ROOT, wait_until


def test_limits_of_what_is_read(dashboard):
    def status(data, **options):
        return dashboard.raw(data, **options)[9:12].decode()

    good = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    assert status(good + b"\r\n") == "200"
    assert status(b"GET /?" + b"a=1&" * 300000 + b" HTTP/1.1\r\nHost: a\r\n\r\n") == "414"
    assert status(b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\nHost: a\r\n\r\n") == "414"
    assert status(good + b"X: " + b"a" * 20000 + b"\r\n\r\n") == "431"
    assert status(good + b"X: a\r\n" * 100 + b"\r\n") == "431"
    assert status(good + b"Content-Length: 70000\r\n\r\n" + b"a" * 70000) == "413"
    assert status(good + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcde") == "400"
    assert status(good + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == "501"
    assert status(good + b"Folded: a\r\n b\r\n\r\n") == "400"
    assert status(b"GET / HTTP/1.1\nHost: a\n\n") == "400"
    assert status(b"GET / HTTP/1.1\r\n\r\n") == "400"
    assert status(b"\x16\x03\x01\x00\xa5" + bytes(range(256))) == "400"
    assert status(b"TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") == "405"
    answer = dashboard.raw(b"GET / HTTP/3.0\r\n\r\n")
    problem = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert problem["status"] == 505 and b"application/problem+json" in answer
    assert dashboard.get("/healthz")[0] == 200


def test_a_full_body_is_read_and_a_waiting_client_is_told_to_go_on(dashboard):
    body = json.dumps({"by": "x" * 40}).encode()
    head = (f"POST /api/v1/ack HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", dashboard.port), timeout=5) as one:
        one.sendall(head)
        assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.sendall(body[:10])
        assert dashboard.get("/healthz")[0] == 200  # so the first part was read by itself; others do not wait
        one.sendall(body[10:])
        assert one.recv(4096).startswith(b"HTTP/1.1 503")  # nobody listens for commands in this test


def test_requests_in_a_row_on_one_connection(dashboard):
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = dashboard.raw(one * 20 + last)
    assert answer.count(b"HTTP/1.1 200") == 21
    assert dashboard.raw(last, shut=True).startswith(b"HTTP/1.1 200")  # a client that has closed its side


def test_slow_clients_are_cut_off_and_do_not_lock_others_out(dashboard):
    began = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", dashboard.port), timeout=15) for _ in range(200)]
    for one in slow:
        with contextlib.suppress(ConnectionError):
            one.sendall(b"GET / HT")
    assert dashboard.get("/healthz")[0] == 200  # room was made
    dripping = socket.create_connection(("127.0.0.1", dashboard.port), timeout=15)
    got = b""
    with contextlib.suppress(ConnectionError):
        for byte in b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + b"a" * 200:
            dripping.sendall(bytes([byte]))
            dripping.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                got += dripping.recv(1000)
                if got:
                    break
    assert got.startswith(b"HTTP/1.1 408"), got
    assert 4 < time.monotonic() - began < 30  # however often a byte comes
    for one in slow:
        one.close()


def ask(dashboard, path, receive_bytes=4096):
    """A connection that has asked for path and reads nothing."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    one.settimeout(15)
    one.connect(("127.0.0.1", dashboard.port))
    one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
                "Connection: close\r\n\r\n".encode())
    return one


def test_clients_that_do_not_read_do_not_lock_others_out(redis, tmp_path):
    pages = tmp_path / "static"
    (pages / "swagger").mkdir(parents=True)
    (pages / "dashboard.html").write_text("without a page it does not start")
    (pages / "swagger/swagger-ui-bundle.js").write_bytes(b" " * (4 << 20))  # more than the kernel takes
    crowded = Dashboard(redis, tmp_path, RELEVO_STATIC_DIR=str(pages))
    deaf = [ask(crowded, "/static/swagger/swagger-ui-bundle.js") for _ in range(128)]
    for _ in range(20):
        assert crowded.get("/healthz")[0] == 200
    # One that reads keeps its place, however many come that do not.
    reader = ask(crowded, "/static/swagger/swagger-ui-bundle.js", 1 << 20)
    got = len(reader.recv(65536))
    for _ in range(126):
        deaf.append(ask(crowded, "/static/swagger/swagger-ui-bundle.js"))
        got += len(reader.recv(32768))
    while got < 4 << 20:
        more = len(reader.recv(65536))
        assert more > 0, f"cut off after {got} bytes"
        got += more
    for one in (*deaf, reader):
        one.close()
    crowded.stop()


def test_a_long_download_is_whole_and_who_does_not_read_is_cut_off(dashboard):
    size = 40 << 20
    with open(dashboard.rescued / "long.binlog", "wb") as file:
        file.truncate(size)
    began = time.monotonic()
    patient = ask(dashboard, "/api/v1/rescued/long.binlog", 65536)
    deaf = ask(dashboard, "/api/v1/rescued/long.binlog")
    slow = ask(dashboard, "/api/v1/rescued/long.binlog")  # reads, but next to nothing
    ends = [f":{dashboard.port:04X} 0100007F:{one.getsockname()[1]:04X} 01" for one in (deaf, slow)]
    got, cut_after = 0, None
    while got < size:
        pause_s = began + 36 * got / size - time.monotonic()
        if pause_s > 0:
            select.select([], [], [], pause_s)  # the rate at which a slow line would take it
        more = len(patient.recv(262144))
        assert more > 0, f"cut off after {got} bytes and {time.monotonic() - began:.0f} s"
        got += more
        with contextlib.suppress(OSError):
            slow.recv(64, socket.MSG_DONTWAIT)
        if cut_after is None and not any(one in open("/proc/net/tcp").read() for one in ends):
            cut_after = time.monotonic() - began
    assert time.monotonic() - began > 33
    wait_until(lambda: not any(one in open("/proc/net/tcp").read() for one in ends), 10, "the others are cut off")
    assert cut_after is None or cut_after > 25
    for one in (patient, deaf, slow):
        one.close()


# ---- actions

def test_listeners_are_limited(dashboard):
    listeners = [Listener(dashboard) for _ in range(64)]
    assert all(one.status == 200 for one in listeners)
    assert Listener(dashboard).status == 503
    assert dashboard.get("/healthz")[0] == 200
    listeners[0].close()
    wait_until(lambda: Listener(dashboard).status == 200, 3, "room again")
    for one in listeners[1:]:
        one.close()


def test_a_listener_that_does_not_read_is_dropped(redis, dashboard):
    with socket.create_connection(("127.0.0.1", dashboard.port), timeout=5) as deaf:
        deaf.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert deaf.recv(15) == b"HTTP/1.1 200 OK"
        ends = f":{dashboard.port:04X} 0100007F:{deaf.getsockname()[1]:04X} 01"  # 01: established, seen from the dashboard
        assert ends in open("/proc/net/tcp").read()
        for _ in range(2500):  # the kernel takes some megabytes before any wait in the dashboard
            redis.event("ALARM", "x" * 300, more="y" * 4000)
        wait_until(lambda: ends not in open("/proc/net/tcp").read(), 10, "the listener is dropped")
    assert dashboard.get("/healthz")[0] == 200


def try_token(dashboard, token, address="127.0.0.1"):
    """(status, Retry-After) of an action with that token, asked for from that address."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=10, source_address=(address, 0))
    connection.request("POST", "/api/v1/ack", body="{}",
                       headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status, int(reply.headers.get("Retry-After", 0))


def test_who_guesses_tokens_is_turned_away_and_told_of(redis, folder):
    dashboard = Dashboard(redis, folder)
    wait_until(dashboard.connected, 5, "it reads the state")
    channel = redis.client.pubsub()
    channel.subscribe(f"{KEY}:commands")
    wait_until(lambda: channel.get_message(), 2, "the subscription")
    assert try_token(dashboard, "stale")[0] == 401  # a slip: a line in the log, and no alarm
    answers = [try_token(dashboard, f"guess-{number}") for number in range(200)]
    assert {status for status, _ in answers} == {401, 429}
    assert all(status == 429 and 1 <= retry_s <= 6 for status, retry_s in answers[20:])
    assert try_token(dashboard, TOKEN)[0] == 429  # right or wrong is not said
    assert dashboard.get("/api/v1/cluster")[0] == 200  # reading goes on
    assert try_token(dashboard, TOKEN, "127.0.0.2")[0] == 202  # and nobody else is locked out
    told = [json.loads(message["data"]) for message in iter(lambda: channel.get_message(timeout=1), None)]
    reports = [one for one in told if one["action"] == "wrong_tokens"]
    assert len(reports) == 1 and reports[0]["count"] >= 10 and reports[0]["from"] == "127.0.0.1", told
    assert [one["action"] for one in told if one not in reports] == ["ack"]
    assert "relevo_wrong_tokens_total 202\n" in dashboard.get("/metrics")[2].decode()
    wait_until(lambda: "okens incorrectos: 20" in open(dashboard.log.name, encoding="utf-8").read(), 15,
               "the rest is told, too")
    text = dashboard.stop()
    lines = [line for line in text.splitlines() if "okens incorrectos" in line]
    assert 1 < len(lines) < 6 and "127.0.0.1" in lines[0], lines
    assert "guess-" not in text and TOKEN not in text


def test_a_script_with_an_old_token_locks_nobody_out(dashboard):
    """Behind a proxy, or the engine's address translation, all have one address."""
    answers = [try_token(dashboard, "stale")[0] for _ in range(60)]
    assert answers[:10] == [401] * 10 and answers[20:] == [429] * 40
    assert try_token(dashboard, TOKEN)[0] == 503  # let in; nobody listens for commands in this test


# ---- Redis goes away

def test_without_redis_it_shows_the_last_state_and_says_so(redis, dashboard):
    listener = Listener(dashboard)
    assert dashboard.get("/readyz")[0] == 200
    redis.stop()
    wait_until(lambda: listener.of("state") and listener.of("state")[-1]["connected"] is False, 5, "the page is told")
    cluster = dashboard.json("/api/v1/cluster")
    assert cluster["stale"] and cluster["primary"] == A
    assert dashboard.get("/readyz")[0] == 503
    assert dashboard.get(f"/primary?node={A}")[0] == 200  # a lost monitor is no outage
    assert dashboard.get(f"/primary?node={A}&max_age_ms=1")[0] == 503
    assert dashboard.act("ack", {})[0] == 503
    assert dashboard.json("/api/v1/verdict")["would_fail_over"] == "unknown"
    redis.start()
    wait_until(dashboard.connected, 8, "it is back")
    cluster = dashboard.json("/api/v1/cluster")
    assert not cluster["known"] and cluster["stale"]  # Redis came back empty, and nobody pretends otherwise
    redis.state(epoch=8)
    seq = redis.event("STARTED")
    wait_until(lambda: seq in listener.seqs() and listener.of("state")[-1]["epoch"] == 8, 4, "the listener goes on")
    wait_until(lambda: dashboard.get("/readyz")[0] == 200, 3, "ready again")
    listener.close()


def test_a_frozen_redis_is_noticed(redis, dashboard):
    redis.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: not dashboard.connected(), 10, "the silence is noticed")
    assert dashboard.act("ack", {})[0] == 503
    redis.process.send_signal(signal.SIGCONT)
    wait_until(dashboard.connected, 10, "it is back")


def test_a_command_that_was_sent_is_not_said_to_be_refused(redis, dashboard):
    """Redis freezes with the command on its way to it, and carries it out when it goes on."""
    channel = redis.client.pubsub()
    channel.subscribe(f"{KEY}:commands")
    wait_until(lambda: channel.get_message(), 2, "the subscription")
    redis.process.send_signal(signal.SIGSTOP)
    status, answer = dashboard.act("failover", {"by": "ana"})
    assert status == 504 and answer["status_url"] == f"/api/v1/commands/{answer['id']}", answer
    assert answer["status_url"] in answer["detail"] and answer["action"] == "failover"
    assert dashboard.json(answer["status_url"])["outcome"] == "unanswered"
    for _ in range(5):  # these are never sent, though a frozen Redis takes connections
        assert dashboard.act("failover", {})[0] == 503
        time.sleep(0.2)
    redis.process.send_signal(signal.SIGCONT)
    command = json.loads(wait_until(lambda: channel.get_message(), 10, "the command")["data"])
    assert command["id"] == answer["id"]
    wait_until(dashboard.connected, 10, "it is back")
    assert channel.get_message(timeout=0.5) is None
    redis.event("COMMAND_REFUSED", "no", id=answer["id"])
    wait_until(lambda: dashboard.json(answer["status_url"])["outcome"] == "refused", 3, "what became of it")


def test_a_wiped_history_is_read_anew(redis, dashboard):
    for _ in range(150):
        redis.event("NODE_UP")
    wait_until(lambda: len(dashboard.json("/api/v1/events?limit=500")["events"]) == 150, 3, "all events")
    redis.client.flushall()
    redis.state()
    redis.event("STARTED")
    wait_until(lambda: [one["seq"] for one in dashboard.json("/api/v1/events")["events"]] == [1], 5, "the new history")


def test_old_failovers_are_found_behind_newer_noise(redis, folder):
    redis.event("FAILOVER", took_ms=41)
    with redis.client.pipeline() as pipe:
        for seq in range(2, 1700):
            event = {"seq": seq, "ts": now_ms(), "epoch": 7, "source": "resync", "type": "RESYNC_PROGRESS", "node": B,
                     "severity": "info", "rule": 0, "why": "", "msg": "", "detail": {}}
            pipe.xadd(f"{KEY}:history", {"event": json.dumps(event)})
        pipe.set(f"{KEY}:seq", 1699)
        pipe.execute()
    late = Dashboard(redis, folder)
    wait_until(lambda: late.json("/status")["history"], 5, "the failover")
    assert late.json("/status")["history"][0]["event_type"] == "FAILOVER"
    assert [one["seq"] for one in late.json("/api/v1/events?kind=milestones")["events"]] == [1]
    late.stop()


def test_redis_may_come_later_and_wrong_passwords_are_said(folder):
    late = Redis(folder)
    late.stop()
    early = Dashboard(late, folder, RELEVO_REDIS_PASSWORD="not-the-one", RELEVO_REDIS_USER="dashboard")
    assert early.get("/readyz")[0] == 503
    assert early.json("/api/v1/cluster")["known"] is False
    late.start()
    late.client.acl_setuser("dashboard", enabled=True, reset=True, passwords=["+another"], commands=["+ping"])
    wait_until(lambda: int(late.client.info("stats").get("acl_access_denied_auth", 0)) > 1, 10, "it tries")
    assert not early.connected()
    late.client.acl_setuser("dashboard", enabled=True, reset=True, passwords=["+not-the-one"], keys=["*"], channels=["*"],
                            categories=["+@all"])
    late.state()
    wait_until(early.connected, 10, "it logs in")
    text = early.stop()
    assert "not-the-one" not in text and text.count("Redis no responde") == 1, text
    late.stop()


def test_what_cannot_work_is_said_in_one_line(redis, folder):
    taken = Dashboard(redis, folder)
    for settings, code, words in (({"RELEVO_HTTP": f"127.0.0.1:{taken.port}"}, 1, str(taken.port)),
                                  ({"RELEVO_STATIC_DIR": str(folder / "none")}, 78, str(folder / "none"))):
        env = {"RELEVO_REDIS": "127.0.0.1:1", "RELEVO_STATIC_DIR": str(ROOT / "static"), **settings}
        done = subprocess.run([BINARY], env=env, capture_output=True, text=True, timeout=20)
        errors = [line for line in done.stderr.splitlines() if " ERROR " in line]
        assert (done.returncode, len(errors)) == (code, 1), done.stderr
        assert words in errors[0]
    taken.stop()
