#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Holds the tree to docs/layers.txt, and to the few other rules of the house that a machine can see."""
import os
import re
import sys

ROOT = os.environ.get("FANE_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
SYSTEM = {  # header -> the only rooms that may include it
    "sqlite3.h": {"store"}, "libpq-fe.h": {"store"}, "sys/socket.h": {"net"}, "netinet/in.h": {"net"}, "microhttpd.h": {"net"},
}
CALLS = {  # what only one file may call
    r"\b(clock_gettime|gettimeofday|time)\s*\(": {"lib/base/clock.c"},
    r"\b(getrandom|randombytes_buf|rand|srand|random)\s*\(": {"lib/base/rng.c"},
    r"\b(strcpy|strcat|sprintf|gets|alloca)\s*\(": set(),
}


def rules():
    allowed = {}
    for line in open(os.path.join(ROOT, "docs/layers.txt"), encoding="utf-8"):
        line = line.split("#")[0].strip()
        if line:
            room, needs = line.split(":")
            allowed[room.strip()] = set(needs.split())
    return allowed


def cycle(allowed):
    seen, path = {}, []

    def visit(room):
        if seen.get(room) == 1:
            return path[path.index(room):] + [room]
        if seen.get(room) == 2:
            return None
        seen[room] = 1
        path.append(room)
        for below in sorted(allowed.get(room, ())):
            found = visit(below)
            if found:
                return found
        path.pop()
        seen[room] = 2
        return None

    for room in allowed:
        found = visit(room)
        if found:
            return found
    return None


def code_only(text):
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    return re.sub(r'"(\\.|[^"\\\n])*"', '""', text)


def main():
    allowed, bad, files = rules(), [], 0
    loop = cycle(allowed)
    if loop:
        bad.append("docs/layers.txt has a cycle: " + " -> ".join(loop))
    for top in ("lib", "src"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if not name.endswith((".c", ".h")):
                    continue
                full = os.path.join(folder, name)
                path = os.path.relpath(full, ROOT)
                room, files = path.split(os.sep)[1], files + 1
                text = open(full, encoding="utf-8").read()
                if not text.startswith("/* SPDX-License-Identifier: AGPL-3.0-or-later\n"):
                    bad.append(f"{path}:1: no SPDX head")
                if text.count("\n") > 800:
                    bad.append(f"{path}: {text.count(chr(10))} lines, over 800")
                for i, line in enumerate(text.split("\n"), 1):
                    m = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
                    if m and m.group(1) != room and m.group(1) not in allowed.get(room, set()):
                        bad.append(f"{path}:{i}: {room} may not include {m.group(1)}")
                    m = re.match(r'\s*#\s*include\s+"([^"]+_int\.h)"', line)
                    if m and not m.group(1).startswith(room + "/"):
                        bad.append(f"{path}:{i}: {m.group(1)} is private to its room")
                    m = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
                    if m and room not in SYSTEM.get(m.group(1), {room}):
                        bad.append(f"{path}:{i}: only {'/'.join(SYSTEM[m.group(1)])} may include {m.group(1)}")
                for i, line in enumerate(code_only(text).split("\n"), 1):
                    for pattern, where in CALLS.items():
                        m = re.search(pattern, line)
                        if m and path.replace(os.sep, "/") not in where and not re.search(r"[.>]\s*" + m.group(1), line):
                            bad.append(f"{path}:{i}: {m.group(1)}() is not called here")
    print("\n".join(bad))
    print(f"{files} files, {len(bad)} against the rules")
    return 1 if bad or not files else 0


sys.exit(main())
