// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Sends what a person without an account wrote (a report, a suggestion), and does the proof of work that the server may
// ask for first.
import { ApiError, post } from "./api.ts";
import { challengeIn, solve } from "./work.ts";

const proofsMax = 2;

/** A new key of 128 random bits; the same one for each attempt at the same text, so that a retry never counts twice. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
}

export async function send<T>(path: string, body: Record<string, unknown>, key: string, proving: () => void): Promise<T> {
  let proof: Record<string, unknown> = {};
  for (let n = 0; ; n++) {
    try {
      return await post<T>(path, { ...body, ...proof }, { "idempotency-key": key });
    } catch (e) {
      const task = e instanceof ApiError && n < proofsMax ? challengeIn(e) : null;
      if (!task) throw e;
      proving();
      proof = { proof: { challenge: task.challenge, nonce: await solve(task) } };
    }
  }
}
