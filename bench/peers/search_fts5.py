# SPDX-License-Identifier: AGPL-3.0-or-later
"""The peer of bench_search: SQLite's FTS5 with its trigram tokenizer over the same names, the same keystrokes.

usage: search_fts5.py NAMES QUERIES CLIENTS   (NAMES: id TAB name; prints "p50_ms X", "p99_ms X", "build_s X", "mb X")
"""
import os
import sqlite3
import sys
import threading
import time

names, queries, clients = sys.argv[1], sys.argv[2], int(sys.argv[3])
path = names + ".fts5"
if os.path.exists(path):
    os.remove(path)
began = time.monotonic()
db = sqlite3.connect(path)
db.execute("PRAGMA journal_mode = OFF")
db.execute("CREATE VIRTUAL TABLE site USING fts5(name, tokenize = 'trigram')")
with open(names, encoding="utf-8") as f:
    db.executemany("INSERT INTO site (rowid, name) VALUES (?, ?)",
                   ((int(i), n) for i, n in (line.rstrip("\n").split("\t", 1) for line in f)))
db.commit()
db.close()
print("build_s %.3f" % (time.monotonic() - began))
print("mb %.1f" % (os.path.getsize(path) / 1e6))
with open(queries, encoding="utf-8") as f:
    asked = [q for q in f.read().split("\n") if len(q) >= 3]
took, lock = [], threading.Lock()


def client(part):
    mine, db = [], sqlite3.connect(path)
    for q in part:
        at = time.monotonic()
        text = " AND ".join('"%s"' % w.replace('"', '""') for w in q.split() if len(w) >= 3)
        if text:
            db.execute("SELECT rowid, name FROM site WHERE site MATCH ? ORDER BY rank LIMIT 10", (text,)).fetchall()
            mine.append(time.monotonic() - at)
    with lock:
        took.extend(mine)


# SQLite lets go of the interpreter's lock while it works, so the clients run side by side.
threads = [threading.Thread(target=client, args=(asked[i::clients],)) for i in range(clients)]
for t in threads:
    t.start()
for t in threads:
    t.join()
took.sort()
print("p50_ms %.4f" % (1000 * took[len(took) // 2]))
print("p99_ms %.4f" % (1000 * took[len(took) * 99 // 100]))
os.remove(path)
