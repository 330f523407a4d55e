#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes assets.S: every file of data/ and of web/dist as .incbin, with path, media type, ETag and a gzipped twin.

usage: embed.py SOURCE_ROOT OUT.S OUT.d
"""
import gzip
import hashlib
import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".geojson": "application/geo+json", ".svg": "image/svg+xml", ".png": "image/png",
    ".webmanifest": "application/manifest+json", ".sql": "text/plain; charset=utf-8", ".csv": "text/csv; charset=utf-8",
    ".txt": "text/plain; charset=utf-8", ".md": "text/plain; charset=utf-8", ".woff2": "font/woff2", ".ico": "image/x-icon",
}


def files(root):
    for folder, prefix in (("data", "data"), (os.path.join("web", "dist"), "web")):
        base = os.path.join(root, folder)
        for where, dirs, names in os.walk(base):
            dirs.sort()
            for name in names:
                full = os.path.join(where, name)
                yield prefix + "/" + os.path.relpath(full, base).replace(os.sep, "/"), full


def main():
    root, out, dep = sys.argv[1:4]
    private = out + ".p"
    os.makedirs(private, exist_ok=True)
    lines, table = ["    .section .rodata,\"a\"", "    .balign 16"], []
    found = sorted(files(root))
    for i, (path, full) in enumerate(found):
        with open(full, "rb") as f:
            data = f.read()
        etag = '\\"%s\\"' % hashlib.sha256(data).hexdigest()[:24]
        mime = TYPES.get(os.path.splitext(path)[1], "application/octet-stream")
        packed = gzip.compress(data, 9, mtime=0)
        small = len(packed) < len(data) * 0.9
        lines += [f"p{i}: .asciz \"{path}\"", f"t{i}: .asciz \"{mime}\"", f"e{i}: .asciz \"{etag}\"",
                  "    .balign 16", f"d{i}: .incbin \"{full}\"", "    .byte 0", "    .balign 16"]
        if small:
            twin = os.path.join(private, f"{i}.gz")
            with open(twin, "wb") as f:
                f.write(packed)
            lines += [f"z{i}: .incbin \"{os.path.abspath(twin)}\"", "    .balign 16"]
        table.append(f"    .quad p{i}, t{i}, e{i}, d{i}, {len(data)}, " + (f"z{i}, {len(packed)}" if small else "0, 0"))
    lines += ["    .section .data.rel.ro.asset,\"aw\"", "    .balign 16", "    .globl asset_table", "asset_table:"] + table
    lines += ["    .globl asset_count", "    .balign 8", "asset_count:", f"    .quad {len(found)}",
              "    .section .note.GNU-stack,\"\",%progbits", ""]
    with open(out, "w") as f:
        f.write("\n".join(lines))
    watched = [full for _, full in found] + sorted({os.path.dirname(full) for _, full in found})
    with open(dep, "w") as f:
        f.write(out + ": " + " ".join(w.replace(" ", "\\ ") for w in watched) + "\n")


main()
