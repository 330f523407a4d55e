#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Backup and restore as an operator meets them: while it serves and takes reports, killed in the middle, cut short, one bit
turned; and what is refused.

usage: backup_test.py FANE
"""
import http.client
import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

FANE = os.path.abspath(sys.argv.pop(1))
OK, FAILURES, KILLS = 0, range(1, 128), 8


class Base(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="fane-backup-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.data = self.path("data")
        self.fane("init")

    def path(self, name):
        return os.path.join(self.dir, name)

    def run_fane(self, *args, data=None):
        env = dict(os.environ, TMPDIR=self.dir)
        return subprocess.run([FANE, *args, "--data", data or self.data], capture_output=True, timeout=120, env=env)

    def fane(self, *args, data=None):
        r = self.run_fane(*args, data=data)
        self.assertEqual(r.returncode, OK, f"fane {' '.join(args)}: {r.stderr.decode(errors='replace')[-600:]}")
        return r

    def refused(self, *args, says, data=None):
        r = self.run_fane(*args, data=data)
        self.assertIn(r.returncode, FAILURES, f"fane {' '.join(args)} was not refused")
        self.assertEqual(r.stdout, b"")
        self.assertRegex(r.stderr.decode(), says)

    def serve(self):
        p = subprocess.Popen([FANE, "serve", "--listen", "127.0.0.1:0", "--data", self.data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines, port = [], None
        for line in p.stdout:
            lines.append(line)
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if found:
                port = int(found.group(1))
                break
        self.assertIsNotNone(port, "".join(lines))
        drain = threading.Thread(target=p.stdout.read, daemon=True)
        drain.start()

        def stop():
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
                p.wait(30)
            drain.join()
            p.stdout.close()
        self.addCleanup(stop)
        return port, stop

    def scraps(self):
        return [n for n in os.listdir(self.dir) if n not in ("data",)]


def post(port, path, body):
    for _ in range(300):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        c.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        r = c.getresponse()
        data = r.read()
        c.close()
        if r.status != 503:
            break
        time.sleep(0.1)  # it listens before it is ready, and asks to come again
    return r.status, data


class RoundTrip(Base):
    def test_data_then_keys(self):
        self.fane("seed")
        port, stop = self.serve()
        for path, body in (("/api/v1/reports", {"text": "a broken window"}), ("/api/v1/suggestions", {"text": "a chapel is missing"})):
            self.assertEqual(post(port, path, body)[0], 201)
        stop()
        a, k = self.path("a.fane"), self.path("k.fane")
        report = json.loads(self.fane("backup", a, "--json").stdout)
        self.fane("backup", "--keys", k)
        self.assertEqual(report["bytes"], os.path.getsize(a))
        self.assertEqual([m["name"] for m in report["members"]], ["fane.db", "ledger/checkpoint"])
        self.assertEqual({stat.S_IMODE(os.stat(f).st_mode) for f in (a, k)}, {0o600})
        with tarfile.open(a) as tar:  # any tar reads it
            self.assertEqual(tar.getnames(), ["fane.db", "ledger/checkpoint", "manifest.json", "manifest.sha256"])
            manifest = json.load(tar.extractfile("manifest.json"))
            self.assertEqual(manifest["members"], report["members"])
        with open(a, "rb") as f:
            whole = f.read()
        for name in ("master.key", "ledger.key"):  # keys are in no backup of the data
            with open(os.path.join(self.data, "keys", name), "rb") as f:
                self.assertNotIn(f.read().strip(), whole)
        before = json.loads(self.fane("verify", "--json").stdout)
        bundle = json.loads(self.fane("verify", "--bundle", a, "--json").stdout)
        self.assertEqual((bundle["root"], bundle["entries"]), (before["root"], before["entries"]))
        self.assertEqual(before["keys"]["live"], 2)
        self.fane("verify", "--bundle", k)
        new = self.path("new")
        self.fane("restore", a, data=new)
        self.assertFalse(os.path.exists(os.path.join(new, "keys")), "no key is made up for data that is sealed by others")
        self.refused("serve", says="no keys", data=new)
        self.refused("init", says="no keys", data=new)
        self.fane("restore", k, data=new)
        after = json.loads(self.fane("verify", "--json", data=new).stdout)
        self.assertEqual(after, before)
        self.assertEqual(sorted(self.scraps()), ["a.fane", "k.fane", "new"])

    def test_refusals(self):
        a, k = self.path("a"), self.path("k")
        self.fane("seed")
        self.fane("backup", a)
        self.fane("backup", "--keys", k)
        self.refused("backup", a, says="there already")
        self.refused("backup", says="FILE")
        self.refused("backup", self.path("none/x"), says="cannot")
        self.refused("restore", a, says="not empty")
        self.refused("restore", k, says="not empty")
        self.refused("restore", k, says="data first", data=self.path("new"))
        self.refused("restore", self.path("absent"), says="cannot open", data=self.path("new"))
        self.refused("verify", "--bundle", os.path.join(self.data, "fane.db"), says="no whole backup")
        self.refused("backup", self.path("b"), says="no data directory", data=self.path("absent"))
        self.refused("backup", "--keys", self.path("b"), says="cannot read", data=self.path("absent"))
        os.mkdir(self.path("empty"))
        self.fane("restore", a, data=self.path("empty"))
        self.assertEqual(sorted(self.scraps()), ["a", "empty", "k"])

    def test_a_false_ledger_is_refused(self):
        """A backup that is whole, of a database in which somebody changed a row: made by whom may write the file."""
        import sqlite3
        self.fane("seed")
        db = sqlite3.connect(os.path.join(self.data, "fane.db"))
        db.execute("UPDATE source_release SET sites_n = sites_n + 1")
        db.commit()
        db.close()
        a = self.path("a")
        self.fane("backup", a)
        self.refused("verify", "--bundle", a, says="ledger entry")
        self.refused("restore", a, says="ledger entry", data=self.path("new"))
        self.assertEqual(self.scraps(), ["a"])


class Damage(Base):
    def test_cut_and_turned(self):
        a, bad, new = self.path("a"), self.path("bad"), self.path("new")
        seed = int(os.environ.get("FANE_SEED", "0")) or random.randrange(1 << 32)
        print(f"seed {seed} (FANE_SEED replays)")
        rng = random.Random(seed)
        self.fane("backup", a)
        with open(a, "rb") as f:
            whole = f.read()
        small = self.path("k")
        self.fane("backup", "--keys", small)
        cases = [whole[:n] for n in [0, 1, 511, 512, 513, len(whole) - 1, len(whole) - 512, len(whole) - 1024] + [rng.randrange(len(whole)) for _ in range(4)]]
        cases += [whole + b"\0", whole + b"\0" * 512, b"\0" + whole]
        ends = [0, 100, 124, 148, 156, 257, 300, 511, len(whole) - 1, len(whole) - 1024, len(whole) - 1536, len(whole) - 1600, len(whole) - 2048]
        for at in ends + [rng.randrange(len(whole)) for _ in range(12)]:
            cases.append(whole[:at] + bytes([whole[at] ^ 1 << rng.randrange(8)]) + whole[at + 1:])
        for i, content in enumerate(cases):
            with open(bad, "wb") as f:
                f.write(content)
            self.refused("verify", "--bundle", bad, says="no whole backup")
            if i % 8 == 0:
                self.refused("restore", bad, says="no whole backup", data=new)
                self.assertFalse(os.path.exists(new))
        self.assertEqual(sorted(self.scraps()), ["a", "bad", "k"])

    def test_killed(self):
        """Whenever it is killed, there is no backup or a whole one, and the next attempt succeeds."""
        self.fane("seed", "--synthetic", os.environ.get("FANE_BACKUP_SITES", "5000"))
        began = time.monotonic()
        self.fane("backup", self.path("timed"))
        took = time.monotonic() - began
        whole = 0
        for i in range(KILLS):
            a = self.path(f"a{i}")
            p = subprocess.Popen([FANE, "backup", a, "--data", self.data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(took * i / (KILLS - 2))
            p.kill()
            p.wait()
            if os.path.exists(a):
                whole += 1
                self.fane("verify", "--bundle", a)
            elif i % 3 == 0:  # what the killed one left is in nobody's way
                self.fane("backup", a)
                self.assertEqual([n for n in os.listdir(self.dir) if n.startswith(f"a{i}.")], [])
                self.fane("verify", "--bundle", a)
        print(f"killed {KILLS} times, {whole} had finished")


class Serving(Base):
    def test_while_reports_come_in(self):
        """Each backup made under load is whole by itself, and holds every report that was acknowledged before it began."""
        port, _ = self.serve()
        acknowledged, stop, broken = [0], threading.Event(), []
        lock = threading.Lock()

        def send():
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            while not stop.is_set():
                try:
                    c.request("POST", "/api/v1/reports", json.dumps({"text": "x" * 500}), {"Content-Type": "application/json"})
                    r = c.getresponse()
                    r.read()
                    if r.status == 201:
                        with lock:
                            acknowledged[0] += 1
                    elif r.status not in (429, 503):
                        broken.append(r.status)
                except OSError as e:
                    broken.append(e)
                    break
            c.close()
        threads = [threading.Thread(target=send) for _ in range(16)]
        for t in threads:
            t.start()
        try:
            seen = []
            while acknowledged[0] < 100:
                time.sleep(0.01)
            for i in range(3):
                with lock:
                    before = acknowledged[0]
                self.fane("backup", self.path(f"b{i}"))
                seen.append((before, self.path(f"b{i}")))
        finally:
            stop.set()
            for t in threads:
                t.join()
        self.assertEqual(broken, [])
        for before, path in seen:
            report = json.loads(self.fane("verify", "--bundle", path, "--json").stdout)
            self.assertGreaterEqual(report["objects"], before, "what was acknowledged is in it")
        self.assertGreater(seen[-1][0], seen[0][0], "reports came in meanwhile")
        self.fane("backup", "--keys", self.path("k"))
        self.fane("restore", seen[-1][1], data=self.path("new"))
        self.fane("restore", self.path("k"), data=self.path("new"))
        self.fane("verify", data=self.path("new"))


if __name__ == "__main__":
    unittest.main(verbosity=1)
