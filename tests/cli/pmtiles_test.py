# SPDX-License-Identifier: AGPL-3.0-or-later
"""fane export tiles, read back by a reader written from the format's description alone: every site once at zoom 14, the
counts of each zoom add up, nothing but what the public may see, the same bytes for any number of threads.

usage: pmtiles_test.py FANE [--file PMTILES SITES]   the second form checks a file that is there
"""
import gzip
import hashlib
import json
import os
import struct
import subprocess
import sys
import tempfile


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """Protobuf: (number, value) with bytes for length-delimited ones."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            n, at = varint(data, at)
            value, at = data[at:at + n], at + n
        elif key & 7 == 5:
            value, at = data[at:at + 4], at + 4
        elif key & 7 == 1:
            value, at = data[at:at + 8], at + 8
        else:
            raise ValueError("wire type")
        yield key >> 3, value


def packed(data):
    at, out = 0, []
    while at < len(data):
        v, at = varint(data, at)
        out.append(v)
    return out


def features(tile):
    """Properties and place of each feature of the layer `sites`."""
    for number, layer in fields(tile):
        assert number == 3
        keys, values, found, name, extent = [], [], [], None, None
        for k, v in fields(layer):
            if k == 1:
                name = v
            elif k == 2:
                found.append(v)
            elif k == 3:
                keys.append(v.decode())
            elif k == 4:
                (kind, value), = fields(v)
                values.append(value.decode() if kind == 1 else value)
            elif k == 5:
                extent = v
        assert name == b"sites" and extent == 4096
        for f in found:
            parts = dict(fields(f))
            tags = packed(parts[2])
            geometry = packed(parts[4])
            assert geometry[0] == 9 and len(geometry) == 3
            x, y = ((g >> 1) ^ -(g & 1) for g in geometry[1:])
            assert 0 <= x < 4096 and 0 <= y < 4096
            yield {keys[tags[i]]: values[tags[i + 1]] for i in range(0, len(tags), 2)}, x, y


def zxy(tile_id):
    z = 0
    while tile_id >= (4 ** (z + 1) - 1) // 3:
        z += 1
    d, x, y, s = tile_id - (4 ** z - 1) // 3, 0, 0, 1
    while s < 2 ** z:
        rx = 1 & (d // 2)
        ry = 1 & (d ^ rx)
        if ry == 0:
            if rx == 1:
                x, y = s - 1 - x, s - 1 - y
            x, y = y, x
        x, y, d, s = x + s * rx, y + s * ry, d // 4, s * 2
    return z, x, y


class Archive:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        assert self.data[:8] == b"PMTiles\x03"
        (self.root_at, self.root_n, self.meta_at, self.meta_n, self.leaf_at, self.leaf_n, self.tiles_at, self.tiles_n,
         self.addressed, self.entries_n, self.contents_n) = struct.unpack("<11Q", self.data[8:96])
        self.clustered, self.internal, self.compression, self.kind, self.min_zoom, self.max_zoom = self.data[96:102]
        assert self.root_at + self.root_n <= 16384
        assert (self.clustered, self.internal, self.compression, self.kind, self.min_zoom, self.max_zoom) == (1, 2, 2, 1, 0, 14)
        self.metadata = json.loads(gzip.decompress(self.data[self.meta_at:self.meta_at + self.meta_n]))

    def directory(self, at, n):
        raw = gzip.decompress(self.data[at:at + n])
        numbers = packed(raw)
        count, numbers = numbers[0], numbers[1:]
        assert len(numbers) == 4 * count
        ids, runs, lengths, offsets = (numbers[i * count:(i + 1) * count] for i in range(4))
        tile, place = 0, 0
        for i in range(count):
            tile += ids[i]
            place = place + lengths[i - 1] if offsets[i] == 0 else offsets[i] - 1
            yield tile, runs[i], lengths[i], place

    def tiles(self):
        for tile, run, length, at in self.directory(self.root_at, self.root_n):
            if run:
                yield tile, length, at
                continue
            for leaf in self.directory(self.leaf_at + at, length):
                assert leaf[1] == 1
                yield leaf[0], leaf[2], leaf[3]

    def tile(self, length, at):
        return gzip.decompress(self.data[self.tiles_at + at:self.tiles_at + at + length])


def check(path, sites):
    a = Archive(path)
    counts, ids, seen, last, end = [0] * 15, set(), 0, -1, 0
    for tile, length, at in a.tiles():
        z, _, _ = zxy(tile)
        assert tile > last and at == end and length > 0
        last, end, seen = tile, at + length, seen + 1
        for f, _, _ in features(a.tile(length, at)):
            counts[z] += f["count"]
            if f["count"] == 1:
                assert len(f["id"]) == 36
                if z == 14:
                    assert f["id"] not in ids
                    ids.add(f["id"])
            else:
                assert z < 14 and "id" not in f
    assert end == a.tiles_n and seen == a.addressed == a.entries_n == a.contents_n
    assert counts == [sites] * 15, counts
    assert len(ids) == sites
    assert [layer["id"] for layer in a.metadata["vector_layers"]] == ["sites"]
    return a, ids


def main():
    fane = os.path.abspath(sys.argv[1])
    if len(sys.argv) > 2:
        check(sys.argv[3], int(sys.argv[4]))
        print("whole:", sys.argv[3])
        return
    with tempfile.TemporaryDirectory(prefix="fane-pmtiles-") as d:
        data = os.path.join(d, "data")

        def run(*args, code=0):
            r = subprocess.run([fane, *args, "--data", data], capture_output=True, timeout=120)
            assert r.returncode == code, (args, r.stderr[-500:])
            return r

        run("init")
        empty = os.path.join(d, "empty.pmtiles")
        run("export", "tiles", "--format", "pmtiles", "--out", empty)
        check(empty, 0)
        run("seed", "--synthetic", "20000")
        digests = []
        for threads in ("1", "3"):
            path = os.path.join(d, threads + ".pmtiles")
            said = run("export", "tiles", "--out", path, "--threads", threads).stderr.decode()
            with open(path, "rb") as f:
                digests.append(hashlib.sha256(f.read()).hexdigest())
            assert digests[-1] in said
            assert not os.path.exists(path + ".part")
        assert digests[0] == digests[1]
        features_of = json.loads(run("export", "sites", "--format", "geojson").stdout)["features"]
        shown = {f["id"] if "id" in f else f["properties"]["id"] for f in features_of if f["geometry"]}
        assert len(shown) >= 20000
        _, ids = check(path, len(shown))
        assert ids == shown
        run("export", "tiles", "--format", "mbtiles", "--out", path, code=2)
        run("export", "tiles", code=2)
    print("pmtiles: passed")


if __name__ == "__main__":
    main()
