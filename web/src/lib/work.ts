// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Proof of work: under load the server may answer 429 with a challenge. A worker looks for a nonce so that the SHA-256 of
// "challenge:nonce" begins with the asked number of zero bits; the page stays usable meanwhile.
import type { ApiError } from "./api.ts";

export interface Challenge { challenge: string; bits: number }
const maxBits = 26;

/** The challenge in a 429 answer, or null when there is none or it asks for more than a phone should do. */
export function challengeIn(error: ApiError): Challenge | null {
  const asked = error.problem.proof as { algorithm?: unknown; challenge?: unknown; bits?: unknown } | undefined;
  if (error.status !== 429 || asked?.algorithm !== "sha-256" || typeof asked.challenge !== "string") return null;
  const bits = Number(asked.bits);
  return Number.isInteger(bits) && bits >= 0 && bits <= maxBits ? { challenge: asked.challenge, bits } : null;
}

export function solve(task: Challenge): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./work.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = (e: MessageEvent<string>) => { worker.terminate(); resolve(e.data); };
    worker.onerror = () => { worker.terminate(); reject(new Error("proof of work failed")); };
    worker.postMessage(task);
  });
}
