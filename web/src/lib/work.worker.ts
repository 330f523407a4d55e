// SPDX-License-Identifier: AGPL-3.0-or-later
//
// SHA-256 (FIPS 180-4) without waiting: crypto.subtle answers one hash per turn of the event loop, which is far too slow for
// hundreds of thousands, and does not exist at all on a page that came over plain http. The constants are the fractional
// parts of roots of primes, worked out once at start; whole-number arithmetic keeps them exact.
import type { Challenge } from "./work.ts";

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((p) => n % p !== 0)) found.push(n);
  return found;
}

/** First 32 bits after the point of the root-th root of n. */
function fraction(n: number, root: 2 | 3): number {
  const target = BigInt(n) << BigInt(32 * root);
  let low = 0n, high = 1n << 40n;
  while (high - low > 1n) {
    const mid = (low + high) >> 1n;
    if (mid ** BigInt(root) <= target) low = mid; else high = mid;
  }
  return Number(BigInt.asIntN(32, low));
}

const K = Int32Array.from(primes(64), (p) => fraction(p, 3));
const start = Int32Array.from(primes(8), (p) => fraction(p, 2));
const W = new Int32Array(64);
const rotate = (x: number, n: number) => (x >>> n) | (x << (32 - n));

function compress(state: Int32Array, block: DataView, at: number): void {
  for (let i = 0; i < 16; i++) W[i] = block.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const a = W[i - 15], b = W[i - 2];
    W[i] = (W[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) + W[i - 7] + (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10))) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const t1 = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const t2 = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

export function sha256(message: Uint8Array): Int32Array {
  const length = Math.ceil((message.length + 9) / 64) * 64;
  const padded = new Uint8Array(length);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(length - 8, Math.floor(message.length / 0x20000000));
  view.setUint32(length - 4, message.length << 3);
  const state = start.slice();
  for (let at = 0; at < length; at += 64) compress(state, view, at);
  return state;
}

function zeroBits(state: Int32Array): number {
  let bits = 0;
  for (const word of state) {
    bits += Math.clz32(word);
    if (word !== 0) break;
  }
  return bits;
}

self.onmessage = (e: MessageEvent<Challenge>) => {
  const { challenge, bits } = e.data;
  const encoder = new TextEncoder();
  for (let n = 0; ; n++) {
    if (zeroBits(sha256(encoder.encode(`${challenge}:${n}`))) < bits) continue;
    self.postMessage(String(n));
    return;
  }
};
