#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every subcommand of main.c has a man page with its options, and every page has a subcommand."""
import os
import re
import sys

root = os.environ.get("FANE_SOURCE", ".")
main = open(os.path.join(root, "src/fane/main.c"), encoding="utf-8").read()
commands = re.findall(r'^\s*\{"([a-z]+)", cmd_', main, re.M)
pages = {f[5:-2] for f in os.listdir(os.path.join(root, "docs/man")) if f.startswith("fane-") and f.endswith(".1")}
bad = [f"fane {c} has no docs/man/fane-{c}.1" for c in commands if c not in pages]
bad += [f"docs/man/fane-{p}.1 describes no command" for p in sorted(pages) if p not in commands]
for c in commands:
    source = os.path.join(root, f"src/fane/cmd_{c}.c")
    if not os.path.exists(source):
        bad.append(f"no {source}")
        continue
    text = open(source, encoding="utf-8").read()
    page = open(os.path.join(root, f"docs/man/fane-{c}.1"), encoding="utf-8").read() if c in pages else ""
    for option in re.findall(r'\{"--([a-z-]+)", CLI_', text):
        if option not in page and "-" + option not in page:
            bad.append(f"fane {c}: --{option} is not in its man page")
print("\n".join(bad))
print(f"{len(commands)} commands, {len(bad)} faults")
sys.exit(1 if bad or not commands else 0)
