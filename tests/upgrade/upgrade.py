#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Opens the data directory that every tagged release made. tests/upgrade/TAG.tar.gz holds one directory `data`, made with
that release by `fane init`, `fane seed` and one report; a release tag without its file is a failure.

usage: upgrade.py FANE
"""
import json
import os
import sqlite3
import subprocess
import sys
import tarfile
import tempfile

fane, here, faults = os.path.abspath(sys.argv[1]), os.path.dirname(os.path.abspath(__file__)), 0
tags = subprocess.run(["git", "-C", here, "tag", "--list", "v*"], capture_output=True, text=True).stdout.split()
made = {f[:-len(".tar.gz")] for f in os.listdir(here) if f.endswith(".tar.gz")}
for tag in tags:
    if tag not in made:
        print(f"release {tag} has no tests/upgrade/{tag}.tar.gz")
        faults += 1
for name in sorted(made):
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(os.path.join(here, name + ".tar.gz")) as tar:
            tar.extractall(folder, filter="data") if hasattr(tarfile, "data_filter") else tar.extractall(folder)
        data = os.path.join(folder, "data")
        db = sqlite3.connect(os.path.join(data, "fane.db"))
        was = db.execute("SELECT COUNT(*) FROM site WHERE visibility = 0").fetchone()[0]
        db.close()
        verify = subprocess.run([fane, "verify", "--data", data], capture_output=True, text=True)
        near = subprocess.run([fane, "near", "41.9", "12.45", "--json", "--data", data], capture_output=True, text=True)
        export = subprocess.run([fane, "export", "sites", "--format", "geojson", "--data", data], capture_output=True, text=True)
        ok = verify.returncode == 0 and near.returncode == 0 and json.loads(near.stdout)["sites"]
        now = len(json.loads(export.stdout)["features"]) if export.returncode == 0 else -1
        ok = ok and was == now
        print(name, f"opens, {now} of {was} sites" if ok else f"FAILED: {now} of {was} sites " + verify.stderr + near.stderr)
        faults += not ok
if not made and not tags:
    print("no release yet")
print(f"{len(made)} releases, {faults} faults")
sys.exit(1 if faults else 0)
