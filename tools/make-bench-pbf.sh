#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
#
# Makes the file that bench/bench_pbf.c is measured on: three real extracts renumbered and merged 40 times, so that
# every object keeps its real shape and no id stands twice. Needs osmium-tool. Takes a few minutes, once.
#   tools/make-bench-pbf.sh SHARED_OSM_FOLDER OUT.osm.pbf [COPIES]
set -eu
from=${1:?the folder with andorra-2025.osm.pbf and its neighbours}
out=${2:?the file to make}
copies=${3:-40}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/fane-bench-XXXXXX")
trap 'rm -rf "$tmp"' EXIT INT TERM

n=1
w=1
r=1
i=0
while [ "$i" -lt "$copies" ]; do
    for f in andorra-2025 liechtenstein-2015 helsinki-2019; do
        # Each file holds fewer than a million nodes, 100,000 ways and 10,000 relations, members not in it included.
        osmium renumber --no-progress --overwrite -s "$n,$w,$r" -o "$tmp/$(printf %03d "$i")-$f.osm.pbf" "$from/$f.osm.pbf"
        n=$((n + 1000000))
        w=$((w + 100000))
        r=$((r + 10000))
    done
    i=$((i + 1))
done
osmium merge --no-progress --overwrite -o "$tmp/all.osm.pbf" "$tmp"/[0-9]*.osm.pbf
mv "$tmp/all.osm.pbf" "$out"
