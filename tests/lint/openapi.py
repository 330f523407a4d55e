#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API's descriptions hold together: references lead somewhere, every path parameter is declared, ids are single, tags
are listed, each version's words stay in it. With $FANE_SPECTRAL set to the program `spectral` (npm's
@stoplight/spectral-cli) they are linted by that too; it is 68 MB of packages, so it is no part of every test run.
"""
import json
import os
import re
import subprocess
import sys

ROOT = os.environ.get("FANE_SOURCE", os.path.join(os.path.dirname(__file__), "..", ".."))
FILES = ("data/openapi.json", "data/ogc-openapi.json")
METHODS = {"get", "put", "post", "delete", "patch", "head", "options", "trace"}
TYPES = {"string", "number", "integer", "boolean", "array", "object", "null"}
bad = []


def say(where, what):
    bad.append(f"{where}: {what}")


def lead(doc, ref):
    at = doc
    for part in ref.removeprefix("#/").split("/"):
        at = at.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    return at


def walk(doc, node, where, is_31):
    if isinstance(node, list):
        for i, one in enumerate(node):
            walk(doc, one, f"{where}/{i}", is_31)
    if not isinstance(node, dict):
        return
    if "$ref" in node and (not node["$ref"].startswith("#/") or lead(doc, node["$ref"]) is None):
        say(where, f"{node['$ref']} leads nowhere")
    kind = node.get("type")
    if where.endswith("/schema") or "/schemas/" in where:
        for one in kind if isinstance(kind, list) else [kind] if isinstance(kind, str) else []:
            if one not in TYPES:
                say(where, f"there is no type {one}")
        if not is_31 and (isinstance(kind, list) or "const" in node or kind == "null"):
            say(where, "a word of OpenAPI 3.1 in 3.0")
        if is_31 and "nullable" in node:
            say(where, "nullable is a word of OpenAPI 3.0")
        if kind == "array" and "items" not in node:
            say(where, "an array of what?")
        if isinstance(node.get("properties"), dict):
            for name in node.get("required", []):
                if name not in node["properties"]:
                    say(where, f"requires {name}, which it does not have")
    for key, value in node.items():
        walk(doc, value, f"{where}/{key.replace('/', '~1')}", is_31)


def operation(doc, path, method, op, ids):
    where = f"{method.upper()} {path}"
    if op.get("operationId") in ids or not op.get("operationId"):
        say(where, "its operationId is missing or another's")
    ids.add(op.get("operationId"))
    if not op.get("summary") or not op.get("responses"):
        say(where, "no summary or no responses")
    listed = {t["name"] for t in doc.get("tags", [])}
    if not op.get("tags") or not set(op["tags"]) <= listed:
        say(where, f"tags {op.get('tags')} are not those of the document")
    params = [lead(doc, p["$ref"]) if "$ref" in p else p for p in op.get("parameters", [])]
    names = [(p["in"], p["name"]) for p in params]
    if len(set(names)) != len(names):
        say(where, "a parameter twice")
    said = {n for place, n in names if place == "path"}
    if said != set(re.findall(r"{(\w+)}", path)):
        say(where, f"path parameters {sorted(said)} are not those of the path")
    for p in params:
        if p["in"] == "path" and not p.get("required"):
            say(where, f"{p['name']} must be required")
        if "schema" not in p:
            say(where, f"{p['name']} has no schema")
    for need in op.get("security", []):
        for name in need:
            if name not in doc["components"].get("securitySchemes", {}):
                say(where, f"there is no security scheme {name}")


def once(pairs):
    out = {}
    for key, value in pairs:
        if key in out:
            raise ValueError(f"{key} twice")
        out[key] = value
    return out


def main():
    operations = 0
    for name in FILES:
        with open(os.path.join(ROOT, name), encoding="utf-8") as f:
            doc = json.load(f, object_pairs_hook=once)
        is_31 = doc["openapi"].startswith("3.1")
        walk(doc, doc, name, is_31)
        ids = set()
        for path, item in doc["paths"].items():
            for method, op in item.items():
                if method in METHODS:
                    operation(doc, path, method, op, ids)
                    operations += 1
    spectral = os.environ.get("FANE_SPECTRAL")
    if spectral:
        done = subprocess.run([spectral, "lint", "--fail-severity", "warn", "-r", os.path.join(ROOT, "tools/spectral.yaml"),
                               *(os.path.join(ROOT, n) for n in FILES)], capture_output=True, text=True)
        if done.returncode:
            bad.append(done.stdout + done.stderr)
    for line in bad:
        print(line)
    print(f"{operations} operations, {len(bad)} faults" + ("" if spectral else "; FANE_SPECTRAL is not set"))
    return 1 if bad or not operations else 0


sys.exit(main())
