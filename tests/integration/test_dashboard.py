"""The dashboard: every route as documented, what it shows of Redis, commands, rescued files, the stream."""
import contextlib
import json
import os
import re
import signal

import pytest

from lib.dashboard_lab import A, B, KEY, TOKEN, Dashboard, Listener
from lib.run import ROOT, wait_until


def paths():
    document = json.loads((ROOT / "static/openapi.json").read_text())
    return [(path, method) for path, methods in document["paths"].items() for method in methods]


# ---- answers

@pytest.mark.parametrize("path,method", paths())
def test_every_documented_route_answers_as_described(dashboard, path, method):
    (dashboard.rescued / "a.binlog").write_bytes(b"\xfebin")
    filled = (path.replace("{name}", A).replace("{service}", "watcher").replace("{id}", "x")
              .replace("/rescued/{file}", "/rescued/a.binlog").replace("/swagger/{file}", "/swagger/none.css")
              .replace("{file}", "dashboard.css"))
    if path in ("/primary", "/replica"):
        filled += f"?node={A if path == '/primary' else B}"
    if path == "/api/v1/stream":
        listener = Listener(dashboard)
        assert listener.status == 200
        wait_until(lambda: listener.of("state"), 3, "the first state")
        listener.close()
        return
    body = {"node": B} if method == "post" and path.rsplit("/", 1)[1] in ("resync", "cancel", "switchover") else {}
    if path.endswith("maintenance"):
        body = {"on": True}
    status, headers, data = dashboard.call(method.upper(), filled, body if method == "post" else None,
                                           Authorization=f"Bearer {TOKEN}")
    document = json.loads((ROOT / "static/openapi.json").read_text())
    assert str(status) in document["paths"][path][method]["responses"], (status, data)
    # Nobody listens for commands here, and Swagger UI is installed with the image.
    assert status == (503 if method == "post" else 307 if path == "/" else 404 if "swagger" in path else 200), data
    for name in ("Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy"):
        assert headers[name]
    if "json" in headers["Content-Type"]:
        json.loads(data)
    if method == "get":
        head = dashboard.call("HEAD", filled, Authorization=f"Bearer {TOKEN}")
        assert (head[0], head[2]) == (status, b"")
        assert int(head[1]["Content-Length"]) > 0
        other = dashboard.call("DELETE", filled)
        assert other[0] == 405 and other[1]["Allow"] == "GET, HEAD"


def test_static_files_are_cached_by_content(dashboard):
    status, headers, data = dashboard.get("/static/dashboard.js")
    assert status == 200 and headers["Content-Type"].startswith("text/javascript")
    assert data == (ROOT / "static/dashboard.js").read_bytes()
    status, _, data = dashboard.get("/static/dashboard.js", If_None_Match=headers["ETag"])
    assert (status, data) == (304, b"")
    for path in ("/static/../README.md", "/static/%2e%2e/README.md", "/static/.htaccess", "/static//dashboard.js"):
        assert dashboard.raw(f"GET {path} HTTP/1.0\r\n\r\n".encode()).startswith(b"HTTP/1.0 404")


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere():
    for page in (ROOT / "static").glob("*.html"):
        text = page.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|(src|href)=\"(https?:)?//", text), page
    for script in (ROOT / "static").glob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|https?://(?!www\.w3\.org)",
                             script.read_text()), script


def test_state_changes_are_seen_at_once(redis, dashboard):
    redis.state(phase="FAILOVER", why="ha caído")
    wait_until(lambda: dashboard.json("/api/v1/cluster")["phase"] == "FAILOVER", 1, "the new phase")
    assert dashboard.get(f"/primary?node={A}")[0] == 200
    redis.state(primary=B, **{f"node:{B}": json.dumps({"role": "primary", "outcome": "ok", "lag_ms": -1})})
    wait_until(lambda: dashboard.get(f"/primary?node={B}")[0] == 200, 1, "the proxy is sent elsewhere")
    assert dashboard.get(f"/primary?node={A}")[0] == 503


def test_nonsense_in_redis_is_skipped(redis, dashboard):
    redis.client.xadd(f"{KEY}:history", {"event": "{not json"})
    redis.client.xadd(f"{KEY}:history", {"event": b"\xff\xfe"})
    redis.client.xadd(f"{KEY}:log:watcher", {"line": b"\xff\xfe"})
    redis.client.hset(KEY, mapping={"node:odd": "[1,2]", "phase": "SIDEWAYS", "unknown": "x"})
    redis.client.publish(f"{KEY}:events", "hello")
    redis.event("ACK")
    wait_until(lambda: dashboard.json("/api/v1/events")["events"][:1] and
               dashboard.json("/api/v1/events")["events"][0]["type"] == "ACK", 3, "the good event")
    assert dashboard.json("/api/v1/cluster")["primary"] == A
    assert dashboard.json("/api/v1/logs/watcher")["lines"] == ["(not UTF-8)"]


# ---- what must not get in

def test_names_of_others_are_refused(redis, folder, dashboard):
    for host in ("evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", ""):
        for path in ("/", "/api/v1/cluster", "/static/dashboard.js", "/metrics", "/nothing"):
            assert dashboard.get(path, Host=host)[0] in (400, 421), (host, path)
    assert dashboard.get("/healthz", Host=f"127.0.0.1:{dashboard.port}")[0] == 200
    assert dashboard.get("/healthz", Host="[::1]")[0] == 200
    known = Dashboard(redis, folder, RELEVO_ALLOWED_HOSTS="relevo.example")
    assert known.get("/healthz", Host="relevo.example:80")[0] == 200
    known.stop()


def test_actions_need_the_token_and_a_page_of_ours(redis, folder, dashboard):
    assert dashboard.act("ack", {}, token=None)[0] == 401
    assert dashboard.act("ack", {}, token="wrong")[0] == 401
    assert dashboard.act("ack", {}, Origin="http://evil.example")[0] == 403
    assert dashboard.act("ack", {}, Sec_Fetch_Site="cross-site")[0] == 403
    assert dashboard.act("ack", "{}", Content_Type="text/plain")[0] == 415
    assert dashboard.act("ack", {}, Origin=f"http://127.0.0.1:{dashboard.port}", Sec_Fetch_Site="same-origin")[0] == 503
    off = Dashboard(redis, folder, RELEVO_API_TOKEN="")
    status, problem = off.act("ack", {}, token="anything")
    assert status == 403 and "RELEVO_API_TOKEN" in problem["detail"]
    wait_until(off.connected, 5, "it reads the state")
    assert off.json("/api/v1/cluster")["actions"] is False
    assert TOKEN not in off.stop()


def test_a_command_is_published_and_followed_by_its_id(redis, dashboard):
    channel = redis.client.pubsub()
    channel.subscribe(f"{KEY}:commands")
    wait_until(lambda: channel.get_message(), 2, "the subscription")
    status, answer = dashboard.act("resync", {"node": A, "method": "clone", "by": "ana"})
    assert status == 202, answer
    message = wait_until(lambda: channel.get_message(), 2, "the command")
    command = json.loads(message["data"])
    assert command["action"] == "resync" and command["node"] == A and command["method"] == "clone"
    assert command["by"] == "ana" and command["id"] == answer["id"] and len(answer["id"]) >= 16
    assert dashboard.json(answer["status_url"])["outcome"] == "unanswered"
    redis.event("COMMAND_REFUSED", "no", id=answer["id"])
    wait_until(lambda: dashboard.json(answer["status_url"])["outcome"] == "refused", 2, "the refusal")
    for name, body in (("failover", {"node": "nobody"}), ("resync", {}), ("maintenance", {"on": 1}), ("switchover", {"x": 1})):
        assert dashboard.act(name, body)[0] == 422, name
    assert dashboard.act("failover", "{" * 200, Content_Type="application/json")[0] == 400
    assert channel.get_message() is None


def test_rescued_files_are_listed_and_need_the_token(folder, dashboard):
    (dashboard.rescued / "n.binlog").write_bytes(b"\xfebin" + b"x" * 100000)
    (dashboard.rescued / "n.binlog.json").write_text('{"transactions": 3}')
    (dashboard.rescued / "bad name").write_text("x")
    with contextlib.suppress(FileExistsError):
        (dashboard.rescued / "link").symlink_to("/etc/passwd")
    listed = {one["file"]: one for one in dashboard.json("/api/v1/rescued")["rescued"]}
    assert "n.binlog.json" not in listed, "a summary is no rescued file"
    assert listed["n.binlog"]["bytes"] == 100004 and listed["n.binlog"]["summary"] == {"transactions": 3}
    assert "bad name" not in listed and "link" not in listed
    assert dashboard.get("/api/v1/rescued/n.binlog")[0] == 401
    status, headers, data = dashboard.get("/api/v1/rescued/n.binlog", Authorization=f"Bearer {TOKEN}")
    assert status == 200 and len(data) == 100004 and "attachment" in headers["Content-Disposition"]
    assert dashboard.get("/api/v1/rescued/link", Authorization=f"Bearer {TOKEN}")[0] == 404
    assert dashboard.get("/api/v1/rescued/nothing.binlog", Authorization=f"Bearer {TOKEN}")[0] == 404
    assert dashboard.get("/api/v1/rescued/n.binlog.json", Authorization=f"Bearer {TOKEN}")[2] == b'{"transactions": 3}'


def test_rescued_files_beyond_the_first_hundred(redis, tmp_path):
    full = Dashboard(redis, tmp_path)
    names = [f"{number:03}.binlog" for number in range(250)]
    for age, name in enumerate(names):
        (full.rescued / name).write_bytes(name.encode())
        # Ten of them share each moment: what goes on after one of these leaves out none.
        os.utime(full.rescued / name, (1700000000 - age // 10,) * 2)
    seen, before = [], ""
    while before is not None:
        answer = full.json(f"/api/v1/rescued{before and '?before='}{before}")
        assert 0 < len(answer["rescued"]) <= 100
        seen += [one["file"] for one in answer["rescued"]]
        before = answer["next_before"]
    assert len(seen) == 250 and sorted(seen) == names
    assert [int(name[:3]) // 10 for name in seen] == sorted(int(name[:3]) // 10 for name in seen), "newest first"
    for before in ("gone.binlog", "../rescued/000.binlog", "%2e%2e"):
        assert full.get(f"/api/v1/rescued?before={before}")[0] == 400
    for name in (names[101], names[249]):
        status, _, data = full.get(f"/api/v1/rescued/{name}", Authorization=f"Bearer {TOKEN}")
        assert (status, data) == (200, name.encode())
    full.stop()


# ---- the stream

def test_the_stream_tells_and_resumes(redis, dashboard):
    first = redis.event("NODE_DOWN")
    listener = Listener(dashboard)
    wait_until(lambda: listener.of("state") and first in listener.seqs(), 3, "what there is")
    redis.state(phase="SUSPECT")
    wait_until(lambda: listener.of("state")[-1]["phase"] == "SUSPECT", 1, "the change")
    second = redis.event("FAILOVER", took_ms=41)
    wait_until(lambda: second in listener.seqs(), 1, "the event")
    redis.client.xadd(f"{KEY}:log:resync", {"line": "📦 Iniciando backup..."})
    wait_until(lambda: listener.of("log") == [{"service": "resync", "line": "📦 Iniciando backup..."}], 4, "the line")
    wait_until(lambda: listener.of("tick"), 7, "a heartbeat")
    listener.close()
    third = redis.event("RECOVERY")
    again = Listener(dashboard, Last_Event_ID=str(first))
    wait_until(lambda: third in again.seqs(), 3, "what was missed")
    assert again.seqs() == [second, third]
    again.close()
    ahead = Listener(dashboard, "/api/v1/stream?after=999999")  # the history began anew
    wait_until(lambda: ahead.seqs() == [first, second, third], 3, "everything")
    ahead.close()


def counted(dashboard, kind):
    """None while that line is missing, which it never is."""
    found = re.search(rf'^relevo_events_total{{type="{kind}"}} (\d+)$', dashboard.get("/metrics")[2].decode(), re.M)
    return found and int(found[1])


def test_events_of_the_time_without_redis_are_told_and_counted_once(redis, folder):
    redis.event("ACK")  # before the dashboard starts: history, not news
    late = Dashboard(redis, folder)
    wait_until(late.connected, 5, "it reads the state")
    assert counted(late, "ACK") == 0
    listener = Listener(late)
    wait_until(lambda: listener.seqs() == [1], 3, "what there is")
    redis.event("ACK")
    wait_until(lambda: listener.seqs() == [1, 2], 3, "the live one")
    redis.away(("ACK", 3), ("ACK", 4))
    wait_until(lambda: listener.seqs() == [1, 2, 3, 4], 5, "what was appended meanwhile")
    assert counted(late, "ACK") == 3
    # Its history is lost, and the new one has grown past the old one before anybody looks.
    redis.away(*(("ACK", seq) for seq in range(1, 7)), wipe=True)
    wait_until(lambda: listener.seqs() == [1, 2, 3, 4, 1, 2, 3, 4, 5, 6], 5, "the new history")
    assert counted(late, "ACK") == 9
    redis.away()
    wait_until(late.connected, 5, "it is back")
    redis.event("ACK")
    wait_until(lambda: listener.seqs()[10:] == [7], 5, "nothing twice")
    assert counted(late, "ACK") == 10
    listener.close()
    late.stop()


def test_who_listens_before_the_history_is_known_catches_up(redis, folder):
    for _ in range(3):
        redis.event("ACK")
    redis.process.send_signal(signal.SIGSTOP)
    early = Dashboard(redis, folder)
    new, back = Listener(early), Listener(early, Last_Event_ID="2")
    redis.process.send_signal(signal.SIGCONT)
    wait_until(lambda: new.seqs() == [1, 2, 3] and back.seqs() == [3], 10, "each gets what it lacks")
    new.close()
    back.close()
    early.stop()


def test_a_proxy_can_tell_no_from_nobody_knows(redis, dashboard):
    def ask(path):
        status, headers, _ = dashboard.get(path)
        return status, headers["Retry-After"]

    assert ask(f"/primary?node={A}") == (200, None)
    assert ask(f"/primary?node={B}") == (503, None)
    assert ask(f"/replica?node={A}") == (503, None)
    redis.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: not dashboard.connected(), 10, "the silence is noticed")
    assert ask(f"/primary?node={A}") == (200, None)
    assert ask(f"/primary?node={B}") == (503, None)
    assert ask(f"/primary?node={A}&max_age_ms=1000") == (503, "1")
    assert ask(f"/replica?node={B}&max_age_ms=1000") == (503, "1")
    redis.process.send_signal(signal.SIGCONT)
    redis.client.delete(KEY)
    wait_until(lambda: ask(f"/primary?node={A}") == (503, "1"), 10, "nothing is known any more")
    assert ask(f"/replica?node={B}") == (503, "1")
