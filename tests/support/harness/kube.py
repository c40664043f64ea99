"""natrix-operator as a child process, and as much of a Kubernetes API server as it takes to start it.

The server knows list, watch, get, create and replace of any resource, with resourceVersion and
optimistic locking; no schemas, no apply. What a cluster becomes is tested elsewhere.
"""
import json
import os
import queue
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.server import ROOT, wait_until


def operator_binary():
    return os.environ.get("NATRIX_OPERATOR") or str(ROOT / "build/bin/natrix-operator")


class FakeApiServer:
    def __init__(self):
        self.lock = threading.Lock()
        self.version = 100
        self.objects = {}  # path of the object -> object
        self.watches = []  # (path of the collection, queue of lines)
        self.calls = []  # (method, path, query, headers)
        self.refuse = {}  # plural -> HTTP status
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.get(self)

            def do_POST(self):
                outer.post(self)

            def do_PUT(self):
                outer.put(self)

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def close(self):
        with self.lock:
            watches, self.watches = self.watches, []
        for _, lines in watches:
            lines.put(None)
        self.http.shutdown()
        self.http.server_close()

    # --- for tests

    def seen(self, method, plural):
        with self.lock:
            return [call for call in self.calls
                    if call[0] == method and plural in call[1].split("/")]

    def lease(self):
        with self.lock:
            for path, body in self.objects.items():
                if "/leases/" in path:
                    return json.loads(json.dumps(body))
        return None

    # --- requests

    def note(self, handler):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with self.lock:
            self.calls.append((handler.command, url.path, query, dict(handler.headers)))
        return url.path, query

    def reply(self, handler, status, body):
        data = json.dumps(body).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def error(self, handler, status, reason):
        self.reply(handler, status, {"kind": "Status", "code": status, "reason": reason,
                                     "message": f"the fake server says {reason}"})

    def body(self, handler):
        return json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))

    def get(self, handler):
        path, query = self.note(handler)
        for plural, status in self.refuse.items():
            if plural in path.split("/"):
                return self.error(handler, status, "Forbidden")
        if query.get("watch"):
            return self.watch(handler, path)
        with self.lock:
            found = self.objects.get(path)
            items = [o for p, o in self.objects.items() if p.startswith(path + "/")]
            version = str(self.version)
        if found:
            return self.reply(handler, 200, found)
        if path.rsplit("/", 1)[-1].endswith("s") and "leases/" not in path:
            return self.reply(handler, 200, {"metadata": {"resourceVersion": version},
                                             "items": items})
        return self.error(handler, 404, "NotFound")

    def watch(self, handler, path):
        lines = queue.Queue()
        with self.lock:
            self.watches.append((path, lines))
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.flush()
        try:
            while (line := lines.get()) is not None:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        handler.close_connection = True

    def store(self, path, body):
        self.version += 1
        body.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        self.objects[path] = body

    def post(self, handler):
        path, _ = self.note(handler)
        body = self.body(handler)
        key = f"{path}/{body['metadata']['name']}"
        with self.lock:
            exists = key in self.objects
            if not exists:
                self.store(key, body)
        if exists:
            return self.error(handler, 409, "AlreadyExists")
        return self.reply(handler, 201, body)

    def put(self, handler):
        path, _ = self.note(handler)
        body = self.body(handler)
        with self.lock:
            known = self.objects.get(path)
            same = known and (known["metadata"]["resourceVersion"]
                              == body["metadata"].get("resourceVersion"))
            if same:
                self.store(path, body)
        if not same:
            return self.error(handler, 409 if known else 404, "Conflict" if known else "NotFound")
        return self.reply(handler, 200, body)


class Operator:
    """One natrix-operator process against `url`; metrics on a port of its own choosing."""

    def __init__(self, folder, url, args=(), env=None, metrics="127.0.0.1:0"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        kubeconfig = self.folder / "kubeconfig"
        kubeconfig.write_text(json.dumps({
            "current-context": "fake",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": "sesame"}}],
            "contexts": [{"name": "fake",
                          "context": {"cluster": "c", "user": "u", "namespace": "natrix-system"}}],
        }))
        self.log_path = self.folder / "operator.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [operator_binary(), "run", "--kubeconfig", str(kubeconfig),
                 "--metrics-addr", metrics, *args],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})})

    def log(self):
        return self.log_path.read_text()

    def port(self):
        def find():
            assert self.process.poll() is None, self.log()
            for line in self.log().splitlines():
                if "serving /metrics" in line:
                    return int(line.rsplit("port=", 1)[1])
            return None
        return wait_until(find, 10, lambda: f"metrics are served; log:\n{self.log()}")

    def page(self, path):
        """(status, text)"""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port()}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def metric(self, name):
        for line in self.page("/metrics")[1].splitlines():
            if line.startswith(name + " "):
                return float(line.split()[-1])
        return None

    def wait_ready(self):
        wait_until(lambda: self.page("/readyz")[0] == 200, 10,
                   lambda: f"ready: {self.page('/readyz')}\n{self.log()}")

    def end(self, signal_number, timeout=10):
        """Sends the signal; returns (exit code, seconds it took)."""
        begin = time.monotonic()
        self.process.send_signal(signal_number)
        code = self.process.wait(timeout)
        return code, time.monotonic() - begin

    def discard(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
