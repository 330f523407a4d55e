// SPDX-License-Identifier: AGPL-3.0-or-later
// The 10 nearest of each question by geokdbush; see bench_near.c. Prints the rate (median of 3) and the sum of distances.
import fs from 'node:fs';
import KDBush from 'kdbush';
import { around, distance } from 'geokdbush';

const read = (name) => {
    const b = fs.readFileSync(name);
    return new Float64Array(b.buffer, b.byteOffset, b.length / 8);
};
const points = read('pts.bin');
const questions = read('near_questions.bin');
const index = new KDBush(points.length / 2);
for (let i = 0; i < points.length; i += 2) index.add(points[i], points[i + 1]);
index.finish();

const rates = [];
for (let run = 0; run < 3; run++) {
    const from = process.hrtime.bigint();
    for (let i = 0; i < questions.length; i += 2) around(index, questions[i], questions[i + 1], 10);
    rates.push(questions.length / 2 / (Number(process.hrtime.bigint() - from) / 1e9));
}
let sum = 0;
for (let i = 0; i < questions.length; i += 2)
    for (const k of around(index, questions[i], questions[i + 1], 10))
        sum += distance(questions[i], questions[i + 1], points[2 * k], points[2 * k + 1]) * 1000;
rates.sort((a, b) => a - b);
console.log(`rate ${rates[1]}`);
console.log(`sum_m ${sum * (6371.0088 / 6371)}`); // its sphere has a radius of 6371 km
