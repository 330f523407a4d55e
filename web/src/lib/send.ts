// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Sends what a person without an account wrote (a report, a suggestion), and does the proof of work that the server may
// ask for first.
import { ApiError, post } from "./api.ts";
import { challengeIn, solve } from "./work.ts";

const proofsMax = 2;

/** 128 random bits for what is sent: the same for each attempt at the same text, so that a retry never counts twice. */
let attempt = { of: "", key: "" };
function keyFor(path: string, body: Record<string, unknown>): string {
  const of = path + JSON.stringify(body);
  if (of !== attempt.of) {
    attempt = { of, key: Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("") };
  }
  return attempt.key;
}

export async function send<T>(path: string, body: Record<string, unknown>, proving: () => void): Promise<T> {
  const headers = { "idempotency-key": keyFor(path, body) };
  let proof: Record<string, unknown> = {};
  for (let n = 0; ; n++) {
    try {
      const answer = await post<T>(path, { ...body, ...proof }, headers);
      attempt = { of: "", key: "" };
      return answer;
    } catch (e) {
      const task = e instanceof ApiError && n < proofsMax ? challengeIn(e) : null;
      if (!task) throw e;
      proving();
      proof = { proof: { challenge: task.challenge, nonce: await solve(task) } };
    }
  }
}
