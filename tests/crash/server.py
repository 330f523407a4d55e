# SPDX-License-Identifier: AGPL-3.0-or-later
"""A running fane for tests: started on a free port, found ready, stopped or killed."""
import http.client
import json
import os
import re
import signal
import subprocess
import time


class Server:
    def __init__(self, fane, data, env=None, prefix=()):
        self.fane, self.data, self.env, self.prefix = fane, data, dict(os.environ, **(env or {})), list(prefix)
        self.process = self.port = None

    def run(self, *args, stdin=None, check=True):
        return subprocess.run([self.fane, *args, "--data", self.data], input=stdin, text=True, capture_output=True, check=check)

    def start(self):
        log = os.path.join(self.data, "serve.log")
        out = open(log, "ab")
        at = out.tell()
        self.process = subprocess.Popen([*self.prefix, self.fane, "serve", "--listen", "127.0.0.1:0", "--data", self.data],
                                        stdout=out, stderr=subprocess.STDOUT, env=self.env)
        deadline = time.time() + 60
        while time.time() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError("the server ended at once: " + open(log, errors="replace").read()[-2000:])
            with open(log, "rb") as f:
                f.seek(at)
                found = re.search(rb"127\.0\.0\.1:(\d+)", f.read())
            if found:
                self.port = int(found.group(1))
                try:
                    if self.get("/healthz")[0] == 200:
                        return self
                except OSError:
                    pass
            time.sleep(0.02)
        raise RuntimeError("the server did not become ready")

    def request(self, method, path, body=None, headers=None, connection=None):
        c = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        c.request(method, path, None if body is None else json.dumps(body),
                  {"Content-Type": "application/json", **(headers or {})})
        r = c.getresponse()
        answer = r.status, r.read(), r.headers
        if connection is None:
            c.close()
        return answer

    def get(self, path):
        return self.request("GET", path)

    def kill(self, sig=signal.SIGKILL):
        self.process.send_signal(sig)
        self.process.wait()
