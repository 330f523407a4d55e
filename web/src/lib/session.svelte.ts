// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Who is signed in. The cookie is the server's (HttpOnly); the app holds the CSRF token in memory and asks for it again
// after a reload. Only a tab that has seen the desk asks: for everybody else there is no session request at all.
import { get, post, remove } from "./api.ts";

export interface Session { account: string; role: string; csrf: string }

const ranks = ["public", "reviewer", "coordinator", "administrator"];
const hint = "fane.desk";
let current = $state.raw<Session | null>(null);

export const clientState = {
  get csrf(): string { return current?.csrf ?? ""; },
};
export const session = {
  get current(): Session | null { return current; },
  /** True when the signed-in role is this one or a higher one. */
  atLeast(role: string): boolean { return current !== null && ranks.indexOf(current.role) >= ranks.indexOf(role); },
};

function remember(on: boolean): void {
  try { if (on) sessionStorage.setItem(hint, "1"); else sessionStorage.removeItem(hint); } catch { /* then /desk asks again */ }
}

/** Takes up a session that the cookie still holds. */
export async function resumeSession(always = false): Promise<void> {
  try { if (!always && sessionStorage.getItem(hint) === null) return; } catch { if (!always) return; }
  try {
    current = await get<Session>("/api/v1/session");
    remember(true);
  } catch {
    current = null;
    remember(false);
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  current = await post<Session>("/api/v1/session", { name, password });
  remember(true);
}

export async function signOut(): Promise<void> {
  try { await remove("/api/v1/session"); } finally {
    current = null;
    remember(false);
  }
}
