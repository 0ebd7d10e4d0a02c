"""The dashboard as a client sees it: plain HTTP and server-sent events, standard library only."""
import http.client
import json
import threading
import urllib.error
import urllib.request

BASE = "http://127.0.0.1:8000"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def call(method, path, body=None, token=None, headers=None, timeout=10):
    """One request; every status is an answer. body: an object becomes JSON, bytes go as they are."""
    all_headers = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        all_headers.setdefault("Content-Type", "application/json")
    if token is not None:
        all_headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(BASE + path, data=body, headers=all_headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return Answer(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as refusal:
        return Answer(refusal.code, refusal.headers, refusal.read())


def get(path, **options):
    return call("GET", path, **options)


class Stream:
    """Listens to /api/v1/stream in a thread and keeps the parsed messages: [(event, data)]."""

    def __init__(self):
        self.messages = []
        self.connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=30)
        self.connection.request("GET", "/api/v1/stream", headers={"Accept": "text/event-stream"})
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200, self.reply.status
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        name, data = "message", []
        try:
            for raw in self.reply:
                line = raw.decode().rstrip("\r\n")
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data.append(line[5:].lstrip())
                elif not line and data:
                    self.messages.append((name, json.loads("\n".join(data))))
                    name, data = "message", []
        except (OSError, ValueError, http.client.HTTPException):
            return  # closed

    def close(self):
        self.connection.close()
