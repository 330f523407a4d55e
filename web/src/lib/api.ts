// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The HTTP API as the app sees it: types of the answers, and one way to call. Errors come as problem+json (RFC 9457) and
// become ApiError; a line that is down becomes ApiError with status 0, so that pages can tell "offline" from "refused".
import { clientState } from "./session.svelte.ts";

export interface Site {
  id: string; code: string; name: string; names: Record<string, string>;
  religion: string; denomination: string | null; kind: string; class: string;
  lat?: number | null; lon?: number | null; precision_m?: number | null; coarse: boolean;
  country: string | null; admin1: string | null; disputed: boolean;
  heritage: string | null; whs_year: number | null;
  start_date: string; start_earliest: number | null; start_latest: number | null; start_about: boolean; wikidata: string | null;
  status: string; unverified: boolean; synthetic: boolean;
}
export interface Source {
  source: string; licence?: string; attribution?: string; release?: string;
  external_id?: string; imported?: string; text?: string;
}
export interface Neighbour { id: string; name: string; religion: string; kind: string; distance_m: number }
/** Of the sites within radius_m; the page says what `diversity` means (ground.definition). */
export interface SharedGround { faiths: number; sites: number; diversity: number; radius_m: number }
/** Urls are of this server. */
export interface Picture {
  id: string; url: string; width: number; height: number; small_url: string; small_width: number; small_height: number;
  licence: string; licence_url?: string; credit: string; source?: string; alt?: string; alt_lang?: string;
}
export interface SiteDetail extends Site {
  note?: string; footprint: unknown; pictures: Picture[]; sources: Source[]; incidents: Incident[]; neighbours: Neighbour[]; shared_ground?: SharedGround | null;
}
export interface Hit extends Site { matched: string; score: number }
export interface IncidentLink { id: string; name: string; score: number; reasons: string[] }
export interface Incident {
  id: string; code: string; title: string; date: string | null; date_precision: string;
  type: string; method: string | null; target: string | null; bias: string | null; severity: string; verification: string;
  lat?: number | null; lon?: number | null; precision: string; coarse: boolean; country: string | null; place: string | null;
  killed?: number | null; injured?: number | null; source?: string | null; source_read: boolean;
  unverified: boolean; context: boolean; sites?: IncidentLink[];
}
export interface Cluster {
  id: string; lat: number; lon: number; radius_km: number; start: string; end: string;
  observed: number; expected: number; statistic: number; p: number; recurrence_days: number | null; members: number;
  run: { id: string; as_of: string; seed: number | string; replications: number; inputs_hash: string; method: string };
  warning: string | null;
}
export interface Warning {
  id: string; code: string; state: "draft" | "approved" | "rejected"; status: string; scope?: string | null;
  headline: string; area?: string; lat: number; lon: number; radius_km: number; coarse: boolean; created: string;
  start?: string; end?: string; observed?: number; expected?: number; p?: number;
  decided_by?: string | null; reason?: string | null; cap: string | null;
}
export interface Report {
  id: string; state: string; received: string; updated?: string; erased?: boolean;
  text?: string; type?: string | null; lat?: number | null; lon?: number | null;
}
export interface Suggestion {
  id: string; state: string; received: string; urgent: boolean; erased: boolean;
  /** As the reviewer may see it now; null when it is gone, or not for them. */
  site?: Site | null; missing?: boolean;
  changes?: {
    names?: Record<string, string>; religion?: string; kind?: string; denomination?: string; status?: string; note?: string;
    closed?: boolean; not_religious?: boolean; hide?: boolean;
  };
  text?: string; lat?: number | null; lon?: number | null;
}
/** What spoke for or against, and by how much (decibans: 10 is ten to one). */
export interface JoinReason { what: string; value?: string | number | null; weight: number }
export interface JoinSide extends Site { sources?: Source[] }
export interface JoinPair { id: string; state: string; score: number; reasons: JoinReason[]; distance_m?: number; a: JoinSide; b: JoinSide }
export type Visibility = "public" | "coarse" | "hidden";
export interface VisibilityReview {
  id: string; why: "narrowed" | "like_guarded"; site: Site | null; like?: Site | null; visibility: Visibility; precision_m?: number | null;
  before: { visibility: Visibility; precision_m?: number | null }; asked_by?: string | null; asked_reason?: string; opened: string;
}
export interface ClosedCountry { country: string; reason: string; since: string; by?: string | null; sites: number }
/** The numbers behind a warning or a hotspot; a warning whose run is gone still carries the first few. */
export type Evidence = Pick<Cluster, "lat" | "lon" | "radius_km"> & Partial<Omit<Cluster, "lat" | "lon" | "radius_km">>;
export interface Page { next: string | null; matched: number }

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly problem: Record<string, unknown> = {},
  ) {
    super(detail || `HTTP ${status}`);
  }
  get offline(): boolean { return this.status === 0; }
  /** The field that a refusal speaks of: its text begins with a JSON pointer into the body, "/text: ...". */
  get field(): string | undefined {
    return /^\/(\w+)[/:]/.exec(this.detail)?.[1];
  }
}

type Query = Record<string, string | number | boolean | null | undefined>;

export function query(params: Query): string {
  const kept = new URLSearchParams();
  for (const [k, v] of Object.entries(params)) if (v !== null && v !== undefined && v !== "") kept.set(k, String(v));
  const text = kept.toString();
  return text ? `?${text}` : "";
}

async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal, more: Record<string, string> = {}): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json", ...more };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && clientState.csrf) headers["x-csrf-token"] = clientState.csrf;
  let response: Response;
  try {
    response = await fetch(path, {
      method, headers, signal, credentials: "same-origin", cache: "no-cache", referrerPolicy: "no-referrer",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new ApiError(0, "");
  }
  const text = await response.text();
  let json: unknown = null;
  try { json = text ? JSON.parse(text) : null; } catch { /* an error page of a proxy in between: the status says enough */ }
  if (response.ok) return json as T;
  const problem = (json ?? {}) as Record<string, unknown>;
  throw new ApiError(response.status, String(problem.detail ?? problem.title ?? ""), problem);
}

export const get = <T>(path: string, params: Query = {}, signal?: AbortSignal) => call<T>("GET", path + query(params), undefined, signal);
/** Every page of a list, up to `most` entries. */
export async function getAll<T>(path: string, key: string, params: Query = {}, most = 1000): Promise<{ list: T[]; matched: number }> {
  const list: T[] = [];
  let cursor: string | null | undefined = null;
  let matched = 0;
  do {
    const page: Partial<Page> & Record<string, unknown> = await get(path, { ...params, cursor });
    list.push(...(page[key] as T[]));
    matched = page.matched ?? list.length;
    cursor = page.next;
  } while (cursor && list.length < most);
  return { list, matched };
}
export const post = <T>(path: string, body: unknown = {}, headers: Record<string, string> = {}) => call<T>("POST", path, body, undefined, headers);
export const remove = (path: string) => call<null>("DELETE", path);
