"""The real dashboard beside a real Redis, both as plain processes. The state is written by hand as the watcher would."""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

import redis as redis_client

from lib.run import BUILD, ROOT, wait_until

BINARY = os.environ.get("RELEVO_DASHBOARD", str(BUILD / "asan/bin/dashboard"))
KEY = "relevo:appdb"
TOKEN = "token-of-the-test"
A, B = "mysql-primary", "mysql-replica"
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def now_ms():
    return int(time.time() * 1000)


class Redis:
    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                                         "--appendonly", "no", "--dir", str(self.folder)], stdout=subprocess.DEVNULL)
        self.client = redis_client.Redis(port=self.port, decode_responses=True)
        wait_until(self.client.ping, 10, "Redis answers")

    def stop(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    # As common/store_real.c writes.
    def state(self, **scalars):
        fields = {"epoch": 7, "phase": "NORMAL", "primary": A, "primary_uuid": UUID, "mode": "async", "sync": "off",
                  "rule": 1, "why": "todo bien", "why_msg": "", "maintenance": "off", "intent": "", "leader": "w",
                  "failovers": "", "updated_ms": now_ms(), **scalars}
        for name in (A, B):
            node = {"role": "primary" if name == A else "replica", "outcome": "ok", "lag_ms": -1 if name == A else 5,
                    "receiver": "absent" if name == A else "on", "applier": "absent" if name == A else "on",
                    "source": "" if name == A else A, "read_only": name == B, "gtid_executed": f"{UUID}:1-9",
                    "seen_ms": now_ms(), "updated_ms": now_ms()}
            fields.setdefault(f"node:{name}", json.dumps(node))
        with self.client.pipeline() as pipe:
            pipe.hset(KEY, mapping=fields)
            pipe.publish(f"{KEY}:state", "changed")
            pipe.execute()

    @staticmethod
    def made(kind, seq, why="porque sí", severity="info", **detail):
        return json.dumps({"seq": seq, "ts": now_ms(), "epoch": 7, "source": "watcher", "type": kind, "node": B,
                           "severity": severity, "rule": 21, "why": why, "msg": "", "detail": detail})

    def event(self, kind, *args, **options):
        seq = self.client.incr(f"{KEY}:seq")
        event = self.made(kind, seq, *args, **options)
        with self.client.pipeline() as pipe:
            pipe.xadd(f"{KEY}:history", {"event": event})
            pipe.publish(f"{KEY}:events", event)
            pipe.execute()
        return seq

    def away(self, *events, wipe=False):
        """Everybody's connection ends and these (kind, seq) are appended, before anyone can be back."""
        with self.client.pipeline() as pipe:
            for kind in ("normal", "pubsub"):
                pipe.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            if wipe:
                pipe.delete(f"{KEY}:history")
            for kind, seq in events:
                pipe.xadd(f"{KEY}:history", {"event": self.made(kind, seq)})
                pipe.set(f"{KEY}:seq", seq)
            pipe.execute()


class Dashboard:
    def __init__(self, redis, folder, **settings):
        self.port = free_port()
        self.log = open(folder / f"dashboard-{self.port}.log", "w+", encoding="utf-8")
        self.rescued = folder / "rescued"
        self.rescued.mkdir(exist_ok=True)
        env = {"PATH": os.environ["PATH"], "RELEVO_REDIS": f"127.0.0.1:{redis.port}", "RELEVO_HTTP": f"127.0.0.1:{self.port}",
               "RELEVO_STATIC_DIR": str(ROOT / "static"), "RELEVO_RESCUED_DIR": str(self.rescued), "RELEVO_API_TOKEN": TOKEN,
               **settings}
        self.process = subprocess.Popen([BINARY], env=env, stderr=self.log, stdout=self.log)
        wait_until(lambda: self.get("/healthz")[0] == 200, 10, "the dashboard answers")

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers=headers)
        reply = connection.getresponse()
        data = reply.read()
        connection.close()
        return reply.status, reply.headers, data

    def get(self, path, **headers):
        return self.call("GET", path, **headers)

    def json(self, path, **headers):
        status, _, data = self.get(path, **headers)
        assert status == 200, (status, data)
        return json.loads(data)

    def act(self, name, body, token=TOKEN, **headers):
        if token:
            headers["Authorization"] = f"Bearer {token}"
        status, _, data = self.call("POST", f"/api/v1/{name}", body, **headers)
        return status, json.loads(data)

    def raw(self, data, timeout=10, shut=False):
        """Sends bytes as they are and returns all that comes back until the other side closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as one:
            with contextlib.suppress(ConnectionError):
                one.sendall(data)
                if shut:
                    one.shutdown(socket.SHUT_WR)
            got = b""
            with contextlib.suppress(ConnectionError, TimeoutError):
                while True:
                    more = one.recv(65536)
                    if not more:
                        break
                    got += more
            return got

    def connected(self):
        return self.json("/api/v1/cluster")["connected"]

    def stop(self):
        self.process.terminate()
        code = self.process.wait(20)
        self.log.seek(0)
        text = self.log.read()
        assert code == 0, f"ended with {code} (sanitizer?):\n{text[-6000:]}"
        return text


class Listener:
    def __init__(self, dashboard, path="/api/v1/stream", **headers):
        self.messages = []
        self.connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=20)
        self.connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        self.socket = self.connection.sock  # the response takes it away
        self.reply = self.connection.getresponse()
        self.status = self.reply.status
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        message = {}
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            for line in self.reply:
                name, _, value = line.decode().rstrip("\r\n").partition(": ")
                if name:
                    message[name] = value
                elif "data" in message:
                    self.messages.append((message["event"], json.loads(message["data"]), message.get("id")))
                    message = {}

    def of(self, kind):
        return [data for name, data, _ in self.messages if name == kind]

    def seqs(self):
        return [data["seq"] for data in self.of("event")]

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.connection.close()
