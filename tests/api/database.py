# SPDX-License-Identifier: AGPL-3.0-or-later
"""The database of a data directory, read and changed behind the program's back, on either engine.

One dialect for both: ? for a parameter; ids are bytes. PostgreSQL is spoken to through psql: no driver is needed, and
whole copies are its CREATE DATABASE ... TEMPLATE. The folder of its socket stands in $FANE_TEST_POSTGRES
(tests/unit/store/with_postgres).
"""
import json
import os
import shutil
import sqlite3
import subprocess

SOCKET = os.environ.get("FANE_TEST_POSTGRES")


class Sqlite:
    def __init__(self, data):
        self.db = sqlite3.connect(os.path.join(data, "fane.db"))

    def rows(self, sql, *args):
        return self.db.execute(sql, args).fetchall()

    def run(self, sql, *args):
        self.db.execute(sql, args)

    def tables(self):
        names = self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {t: [c[1] for c in self.rows(f"PRAGMA table_info({t})")] for (t,) in names}

    def close(self):
        self.db.commit()
        self.db.close()


def literal(v):
    if v is None:
        return "NULL"
    if isinstance(v, bytes):
        return f"'\\x{v.hex()}'::bytea"
    return repr(v) if isinstance(v, (int, float)) else "'" + v.replace("'", "''") + "'"


def psql(database, text):
    r = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", SOCKET, "-U", "fane", "-d", database],
                       input=text, capture_output=True, text=True, timeout=120)
    if r.returncode:
        raise RuntimeError(f"psql: {r.stderr[-800:]}")
    return r.stdout


class Postgres:
    """What changes is kept back and done at once before the next question."""

    def __init__(self, data):
        self.name = name_of(data)
        self.waiting = []

    def sql(self, sql, args):
        parts = sql.split("?")
        assert len(parts) == len(args) + 1, sql
        return parts[0] + "".join(literal(a) + p for a, p in zip(args, parts[1:]))

    def flush(self):
        if self.waiting:
            psql(self.name, "SET session_replication_role = replica;\nBEGIN;\n" + ";\n".join(self.waiting) + ";\nCOMMIT;\n")
        self.waiting = []

    def rows(self, sql, *args):
        self.flush()
        lines = psql(self.name, f"SELECT row_to_json(t) FROM ({self.sql(sql, args)}) t;").splitlines()
        values = [list(json.loads(line).values()) for line in lines]
        return [tuple(bytes.fromhex(v[2:]) if isinstance(v, str) and v.startswith("\\x") else v for v in row) for row in values]

    def run(self, sql, *args):
        self.waiting.append(self.sql(sql, args))

    def tables(self):
        out = {}
        for table, column in self.rows("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                                       "ORDER BY table_name, ordinal_position"):
            out.setdefault(table, []).append(column)
        return out

    def close(self):
        self.flush()


def name_of(data):
    with open(os.path.join(data, "store")) as f:
        return f.read().split("///")[1].split("?")[0]


def is_postgres(data):
    return os.path.exists(os.path.join(data, "store"))


def point(data, name):
    with open(os.path.join(data, "store"), "w") as f:
        f.write(f"postgresql:///{name}?host={SOCKET}&user=fane\n")


def make(data):
    """A data directory whose store is an empty database of PostgreSQL; `fane init` does the rest."""
    name = f"leak_{os.getpid()}_{len(os.listdir(os.path.dirname(data)))}"
    psql("postgres", f"CREATE DATABASE {name};")
    os.mkdir(data, 0o700)
    point(data, name)


def copy(data, to):
    """While no server has it open."""
    shutil.copytree(data, to)
    if is_postgres(data):
        name = name_of(data) + "_twin"
        psql("postgres", f"CREATE DATABASE {name} TEMPLATE {name_of(data)};")
        point(to, name)


def drop(data):
    if is_postgres(data):
        psql("postgres", f"DROP DATABASE IF EXISTS {name_of(data)} WITH (FORCE);")


def connect(data):
    return Postgres(data) if is_postgres(data) else Sqlite(data)
