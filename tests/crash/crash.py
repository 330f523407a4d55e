#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""64 clients post reports; the server is killed with -9 at a random moment; every acknowledged receipt must be there
after the restart and `fane verify` must pass. With --powercut the file layer of powercut.h then drops or tears what no
fsync had covered.

usage: crash.py FANE [--rounds N] [--reports N] [--clients N] [--seed N] [--powercut SO APPLY] [--postgres]
"""
import argparse
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from server import Server


def post_until_dead(server, share, acknowledged, lock, stop):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for n in range(share):
        if stop.is_set():
            return
        try:
            status, body, _ = server.request("POST", "/api/v1/reports", {"text": f"a window was broken, {n}", "lat": 10.5, "lon": 20.5,
                                                                      "type": "PRP-05"}, connection=c)
        except (OSError, http.client.HTTPException):
            return
        if status == 201:
            with lock:
                acknowledged.append(json.loads(body)["receipt"])
        elif status in (429, 503):
            time.sleep(0.01)
        else:
            with lock:
                acknowledged.append(f"unexpected {status} {body[:200]!r}")
            return


def check(server, receipts, missing):
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for receipt in receipts:
        status, _, _ = server.request("POST", "/api/v1/reports/status", {"receipt": receipt}, connection=c)
        if status != 200:
            missing.append((receipt, status))


def in_threads(fn, parts):
    threads = [threading.Thread(target=fn, args=part) for part in parts]
    for t in threads:
        t.start()
    return threads


def main():
    p = argparse.ArgumentParser()
    p.add_argument("fane")
    p.add_argument("--rounds", type=int, default=int(os.environ.get("FANE_CRASH_ROUNDS", 3)))
    p.add_argument("--reports", type=int, default=10000)
    p.add_argument("--clients", type=int, default=64)
    p.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    p.add_argument("--powercut", nargs=2, metavar=("SO", "APPLY"))
    p.add_argument("--postgres", metavar="URL")
    a = p.parse_args()
    print(f"seed {a.seed}")
    dice = random.Random(a.seed)
    data = tempfile.mkdtemp(prefix="fane-crash-")
    if a.postgres:
        with open(os.path.join(data, "store"), "w") as f:
            f.write(a.postgres + "\n")
    journal, env = os.path.join(tempfile.gettempdir(), f"fane-journal-{os.getpid()}"), {}
    if a.powercut:
        env = {"LD_PRELOAD": os.path.abspath(a.powercut[0]), "POWERCUT_DIR": data, "POWERCUT_JOURNAL": journal}
    server = Server(os.path.abspath(a.fane), data, env)
    server.run("init")
    total, faults = 0, 0
    for n in range(a.rounds):
        if os.path.exists(journal):
            os.unlink(journal)
        server.start()
        acknowledged, lock, stop = [], threading.Lock(), threading.Event()
        began = time.time()
        threads = in_threads(post_until_dead, [(server, a.reports // a.clients, acknowledged, lock, stop)] * a.clients)
        moment = dice.uniform(0.05, 3.0)
        time.sleep(moment)
        server.kill()
        took = time.time() - began
        stop.set()
        for t in threads:
            t.join()
        said = ""
        if a.powercut:
            said = subprocess.run([a.powercut[1], journal, str(dice.randrange(1 << 31))], capture_output=True, text=True, check=True).stdout.strip()
        bad = [x for x in acknowledged if x.startswith("unexpected")]
        server.env = dict(os.environ)
        server.start()
        missing = []
        for t in in_threads(check, [(server, acknowledged[i::8], missing) for i in range(8)]):
            t.join()
        server.kill(15)
        server.env = dict(os.environ, **env)
        verify = server.run("verify", check=False)
        ok = not missing and not bad and verify.returncode == 0
        faults += not ok
        total += len(acknowledged)
        print(f"round {n + 1}: killed after {moment:.2f} s, {len(acknowledged)} acknowledged in {took:.1f} s, {len(missing)} missing, "
              f"verify {verify.returncode} {verify.stdout.splitlines()[0] if verify.stdout else verify.stderr.strip()}"
              + (f"; {said}" if said else ""), *bad[:1], flush=True)
    if os.path.exists(journal):
        os.unlink(journal)
    if not faults:
        shutil.rmtree(data)
    print(f"{a.rounds} rounds, {total} acknowledged, {faults} rounds at fault" + (f", left in {data}" if faults else ""))
    return 1 if faults or total == 0 else 0


sys.exit(main())
