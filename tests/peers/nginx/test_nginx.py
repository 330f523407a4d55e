#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The nginx configuration of docs/nginx.md as it stands there: `nginx -t`, then real requests through TLS to a server,
and what the proxy passed on of the sender.

usage: test_nginx.py API_SERVER
"""
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

EXE, SOURCE = sys.argv[1], os.environ["FANE_SOURCE"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Recorder(threading.Thread):
    """Between nginx and Fane: passes everything through and keeps the heads of the requests."""

    def __init__(self, to):
        super().__init__(daemon=True)
        self.to, self.seen = to, b""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.start()

    def run(self):
        while True:
            a, _ = self.listener.accept()
            b = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self.copy, args=(a, b, True), daemon=True).start()
            threading.Thread(target=self.copy, args=(b, a, False), daemon=True).start()

    def copy(self, a, b, keep):
        while True:
            data = a.recv(65536)
            if keep:
                self.seen += data
            if not data:
                b.close()
                return
            b.sendall(data)


def config(folder, fane, http_port, https_port):
    text = open(os.path.join(SOURCE, "docs/nginx.md")).read()
    block = re.search(r"```nginx\n(.*?)```", text, re.S).group(1)
    for name, value in (("FANE_ADDRESS", f"127.0.0.1:{fane}"), ("HTTP_LISTEN", f"127.0.0.1:{http_port}"),
                        ("HTTPS_LISTEN", f"127.0.0.1:{https_port}"), ("SERVER_NAME", "fane.test"),
                        ("CERTIFICATE_KEY", f"{folder}/key.pem"), ("CERTIFICATE", f"{folder}/cert.pem")):
        assert name in block, f"docs/nginx.md has no {name}"
        block = block.replace(name, value)
    temp = " ".join(f"{kind}_temp_path {folder}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    whole = (f"pid {folder}/nginx.pid; error_log {folder}/error.log info; worker_processes 1;\n"
             f"events {{}}\nhttp {{ access_log {folder}/access.log; {temp}\n{block}\n}}\n")
    open(f"{folder}/nginx.conf", "w").write(whole)


def check(ok, what):
    if not ok:
        raise SystemExit("FAILED: " + what)


def main():
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if not nginx or not shutil.which("openssl"):
        print("skipped: no nginx here (nginx-light) or no openssl")
        return 77
    folder = tempfile.mkdtemp(prefix="fane-nginx-")
    os.chmod(folder, 0o755)
    os.makedirs(f"{folder}/tmp")
    server = subprocess.Popen([EXE, f"{folder}/data", "--empty"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(server.stdout.readline().split()[1])
    recorder = Recorder(port)
    http_port, https_port = free_port(), free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=fane.test", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"], check=True, capture_output=True)
    config(folder, recorder.port, http_port, https_port)
    command = [nginx, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
    check(tested.returncode == 0, "nginx -t: " + tested.stderr)
    proxy = subprocess.Popen([*command, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        run(http_port, https_port, recorder, folder)
    finally:
        proxy.terminate()
        server.terminate()
        proxy.wait(10)
        server.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
    print("ok: nginx passes requests on as docs/nginx.md says")
    return 0


def run(http_port, https_port, recorder, folder):
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE

    def ask(method, path, body=None, headers=None):
        c = http.client.HTTPSConnection("127.0.0.1", https_port, timeout=20, context=trust)
        c.request(method, path, body, {"Host": f"fane.test:{https_port}", **(headers or {})})
        r = c.getresponse()
        return r.status, r.read(), r.headers
    for _ in range(200):
        try:
            if ask("GET", "/healthz")[0] == 200:
                break
        except OSError:
            time.sleep(0.05)
    telltale = {"User-Agent": "TelltaleBrowser/1", "Referer": "https://elsewhere.test/secret", "Accept-Language": "xx-telltale",
                "X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7", "Forwarded": "for=203.0.113.7"}
    recorder.seen = b""
    status, body, headers = ask("POST", "/api/v1/reports", json.dumps({"text": "a telltale window"}), telltale)
    check(status == 201, f"a report through the proxy: {status} {body!r}")
    receipt = json.loads(body)["receipt"]
    status, body, _ = ask("POST", "/api/v1/reports/status", json.dumps({"receipt": receipt}), telltale)
    check(status == 200 and json.loads(body)["state"] == "received", f"its state: {status}")
    status, body, _ = ask("POST", "/api/v1/suggestions", json.dumps({"text": "a telltale chapel"}), telltale)
    check(status == 201, f"a suggestion through the proxy: {status} {body!r}")
    heads = recorder.seen.lower()
    for word in (b"telltalebrowser", b"elsewhere", b"xx-telltale", b"203.0.113", b"x-forwarded-for", b"x-real-ip", b"forwarded:"):
        check(word not in heads, f"the proxy passed on {word!r} of a report's sender")
    status, body, _ = ask("POST", "/api/v1/reports", json.dumps({"text": "x" * 100000}))
    check(status == 413, f"a body over the cap: {status}")
    recorder.seen = b""
    ask("GET", "/api/v1/vocab", None, telltale)
    check(b"203.0.113" not in recorder.seen, "the proxy passed on an address")
    status, _, headers = ask("POST", "/api/v1/session", json.dumps({"name": "reviewer", "password": "correct horse battery"}),
                             {"Content-Type": "application/json", "Origin": f"https://fane.test:{https_port}"})
    check(status == 200, f"signing in through the proxy: {status}")
    check(headers["Strict-Transport-Security"], "HSTS")
    c = http.client.HTTPConnection("127.0.0.1", http_port, timeout=10)
    c.request("GET", "/x", headers={"Host": "fane.test"})
    r = c.getresponse()
    check(r.status == 301 and r.headers["Location"] == "https://fane.test/x", "plain HTTP is sent on")
    logs = b"".join(open(os.path.join(folder, n), "rb").read() for n in ("access.log", "error.log") if os.path.exists(os.path.join(folder, n)))
    check(b"reports" not in logs and b"suggestions" not in logs and b"telltale" not in logs and receipt.encode() not in logs, "the proxy's logs hold a report's trace")


sys.exit(main())
