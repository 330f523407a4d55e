#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""One client, one report after another, the server under strace -f: no 201 leaves before an fsync that began after the
request was read has returned, of the database's log and of the key store.

usage: fsync_order.py FANE [COUNT]
"""
import http.client
import os
import re
import shutil
import signal
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server

if not shutil.which("strace"):
    print("SKIPPED: strace is not installed")
    sys.exit(77)
count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
data = tempfile.mkdtemp(prefix="fane-strace-")
trace = os.path.join(data, "trace")
calls = "fsync,fdatasync,recvfrom,recvmsg,read,sendto,sendmsg,write,writev"
server = Server(os.path.abspath(sys.argv[1]), data, prefix=["strace", "-f", "-y", "-s", "64", "-e", "trace=" + calls, "-o", trace])
server.run("init")
server.start()
c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
for i in range(count):
    status, body, _ = server.request("POST", "/api/v1/reports", {"text": f"report {i}"}, connection=c)
    assert status == 201, (status, body)
# strace does not hand a signal on: its child gets it, and strace ends with the child.
with open(f"/proc/{server.process.pid}/task/{server.process.pid}/children") as f:
    os.kill(int(f.read().split()[0]), signal.SIGTERM)
server.process.wait()

synced, began, answers, faults, is_open = set(), {}, 0, 0, False
for line in open(trace, errors="replace"):
    m = re.match(r"(\d+) +(.*)", line)
    pid, rest = m.group(1), m.group(2)
    if "POST /api/v1/reports" in rest and re.search(r"\b(read|recvfrom|recvmsg)\b", rest):
        is_open, synced, began = True, set(), {}
    name = re.match(r"(?:<\.\.\. )?(fsync|fdatasync)", rest)
    if name and is_open:
        path = re.search(r"<([^>]*)>", rest.replace("<... ", "", 1) if rest.startswith("<...") else rest)
        if "unfinished" in rest:
            began[pid] = path.group(1)
        elif rest.startswith("<..."):
            if pid in began and rest.rstrip().endswith("= 0"):
                synced.add(began.pop(pid))
        elif rest.rstrip().endswith("= 0"):
            synced.add(path.group(1))
    if "HTTP/1.1 201" in rest:
        answers += 1
        files = {os.path.basename(p) for p in synced}
        if not {"fane.db-wal", "vault.bin"} <= files:
            faults += 1
            print(f"answer {answers} left with only {sorted(files)} synced")
        is_open = False
shutil.rmtree(data)
print(f"{answers} answers, {faults} sent too early")
sys.exit(1 if faults or answers != count else 0)
