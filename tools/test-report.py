#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Prints what a Meson test run found, and writes `passed failed skipped` for the shell.

usage: test-report.py TESTLOG.json COUNTS
"""
import json
import re
import sys

passed = failed = skipped = cases = 0
for line in open(sys.argv[1], encoding="utf-8", errors="replace"):
    test = json.loads(line)
    name, result, out = test["name"], test["result"], test.get("stdout", "") + test.get("stderr", "")
    cases += sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", out))
    if result in ("OK", "EXPECTEDFAIL"):
        passed += 1
    elif result == "SKIP":
        skipped += 1
        said = [x for x in out.splitlines() if x.strip()]
        print(f"skipped {name}: {said[-1].strip() if said else 'no reason given'}")
    else:
        failed += 1
        print(f"FAILED {name} ({result}, {test['duration']:.1f} s)")
        print("\n".join("    " + x for x in out.splitlines()[-30:]))
    for said in re.findall(r"^.*SKIPPED?:? .*$", out, re.M) if result != "SKIP" else []:
        print(f"{name}: {said.strip()}")
print(f"{passed + failed + skipped} test programs, {cases} cases in the C ones")
with open(sys.argv[2], "w") as f:
    f.write(f"{passed} {failed} {skipped}\n")
