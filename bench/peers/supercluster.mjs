// SPDX-License-Identifier: AGPL-3.0-or-later
// Clustered tiles by supercluster and vt-pbf on the points and tiles of bench_tiles.c: rate, p99, load, memory, and the
// count of zoom 0. Radius 320 at extent 4096 is the usual picture (40 of 512).
import fs from 'node:fs';
import Supercluster from 'supercluster';
import vtpbf from 'vt-pbf';

const file = (name) => {
    const b = fs.readFileSync(name);
    return b.buffer.slice(b.byteOffset, b.byteOffset + b.length);
};
const religions = ['christian', 'muslim', 'hindu', 'buddhist', 'jewish', 'shinto', 'sikh', 'taoist', 'other'];
const xy = new Float64Array(file('pts.bin'));
const tiles = new Uint32Array(file('tile_questions.bin'));
const before = process.memoryUsage().rss;
const features = [];
for (let i = 0; i < xy.length; i += 2)
    features.push({ type: 'Feature', geometry: { type: 'Point', coordinates: [xy[i], xy[i + 1]] },
        properties: { r: religions[i % 9], name: `Place of worship ${i / 2 + 1}` } });
let from = process.hrtime.bigint();
const index = new Supercluster({ radius: 320, extent: 4096, minZoom: 0, maxZoom: 13 });
index.load(features);
const load = Number(process.hrtime.bigint() - from) / 1e9;
const mb = (process.memoryUsage().rss - before) / 1e6;

const rates = [];
let took;
for (let run = 0; run < 3; run++) {
    took = [];
    from = process.hrtime.bigint();
    for (let i = 0; i < tiles.length; i += 3) {
        const start = process.hrtime.bigint();
        const tile = index.getTile(tiles[i], tiles[i + 1], tiles[i + 2]);
        vtpbf.fromGeojsonVt({ sites: tile ?? { features: [] } }, { version: 2, extent: 4096 });
        took.push(Number(process.hrtime.bigint() - start) / 1e3);
    }
    rates.push(tiles.length / 3 / (Number(process.hrtime.bigint() - from) / 1e9));
}
took.sort((a, b) => a - b);
rates.sort((a, b) => a - b);
let count = 0;
for (const f of index.getTile(0, 0, 0).features) {
    const [[x, y]] = f.geometry;
    if (x >= 0 && x < 4096 && y >= 0 && y < 4096) count += f.tags.point_count ?? 1;
}
console.log(`rate ${rates[1]}\np99_us ${took[Math.floor(took.length * 0.99)]}\nload_s ${load}\nmb ${mb}\ncount_z0 ${count}`);
