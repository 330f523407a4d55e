// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The reader's language: which message file is loaded, the direction of the page, and Intl's way with numbers, dates and
// names of countries. `machine`: no speaker has read the translation yet; the menu says so. The choice is kept in sessionStorage only: a device that is searched later should not tell that its
// owner came here.
import { formatMessage, type Args } from "./message.ts";

export const languages = [
  { code: "ar", name: "العربية", dir: "rtl", machine: true },
  { code: "zh", name: "中文", dir: "ltr", machine: true },
  { code: "en", name: "English", dir: "ltr", machine: false },
  { code: "fr", name: "Français", dir: "ltr", machine: true },
  { code: "ru", name: "Русский", dir: "ltr", machine: true },
  { code: "es", name: "Español", dir: "ltr", machine: true },
] as const;
export type Language = (typeof languages)[number]["code"];

const loaders: Record<Language, () => Promise<{ default: Record<string, string> }>> = {
  en: () => import("../messages/en.json"),
  ar: () => import("../messages/ar.json"),
  zh: () => import("../messages/zh.json"),
  fr: () => import("../messages/fr.json"),
  ru: () => import("../messages/ru.json"),
  es: () => import("../messages/es.json"),
};
const stored = "fane.lang";

let messages = $state.raw<Record<string, string>>({});
let code = $state<Language>("en");

export const locale = {
  get code(): Language { return code; },
  get dir(): "ltr" | "rtl" { return languages.find((l) => l.code === code)?.dir ?? "ltr"; },
};

function known(tag: string | null | undefined): Language | undefined {
  const base = tag?.toLowerCase().split("-")[0];
  return languages.find((l) => l.code === base)?.code;
}

/** What to start with: ?lang= in the address, the choice of this tab, then the browser's list. */
export function preferredLanguage(): Language {
  const asked = known(new URLSearchParams(location.search).get("lang")) ?? known(readSession(stored));
  if (asked) return asked;
  for (const tag of navigator.languages) {
    const found = known(tag);
    if (found) return found;
  }
  return "en";
}

function readSession(key: string): string | null {
  try { return sessionStorage.getItem(key); } catch { return null; }
}

export async function setLanguage(next: Language, remember = true): Promise<void> {
  messages = (await loaders[next]()).default;
  code = next;
  document.documentElement.lang = next;
  document.documentElement.dir = locale.dir;
  if (!remember) return;
  try { sessionStorage.setItem(stored, next); } catch { /* private windows may refuse: the choice then lasts for this page */ }
}

export function t(key: string, args: Args = {}): string {
  const text = messages[key];
  return text === undefined ? key : formatMessage(text, args, code, formatNumber);
}

const made = new Map<string, unknown>();
function once<T>(key: string, make: () => T): T {
  const full = `${code} ${key}`;
  if (!made.has(full)) made.set(full, make());
  return made.get(full) as T;
}

export function formatNumber(n: number, digits?: number): string {
  return once(`n${digits}`, () => new Intl.NumberFormat(code, digits === undefined ? {} : { maximumSignificantDigits: digits })).format(n);
}

/** Codes and names of all countries, in the order of the reader's alphabet. */
export function countries(codes: string[]): [string, string][] {
  const compare = once("collate", () => new Intl.Collator(code).compare);
  return codes.map((c): [string, string] => [c, countryName(c)]).filter(([c, name]) => name !== c).sort((a, b) => compare(a[1], b[1]));
}

/** "2019-03-15" or an instant; a coarser precision shows no more than it knows. */
export function formatDate(value: string | null | undefined, precision = "day"): string {
  if (!value) return t("unknown");
  const day = /^\d{4}-\d{2}-\d{2}$/.test(value);
  const date = new Date(day ? `${value}T00:00:00Z` : value);
  if (Number.isNaN(date.getTime())) return value;
  const shape: Intl.DateTimeFormatOptions =
    precision === "year" ? { year: "numeric" }
    : precision === "month" || precision === "quarter" ? { year: "numeric", month: "long" }
    : { year: "numeric", month: "long", day: "numeric" };
  return once(`d${precision}`, () => new Intl.DateTimeFormat(code, { ...shape, timeZone: "UTC" })).format(date);
}

export function formatDateTime(value: string): string {
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) return value;
  return once("dt", () => new Intl.DateTimeFormat(code, { dateStyle: "medium", timeStyle: "short" })).format(date);
}

export function formatMetres(m: number): string {
  const unit = m >= 1000 ? "kilometer" : "meter";
  const value = m >= 10000 ? Math.round(m / 1000) : m >= 1000 ? Math.round(m / 100) / 10 : Math.round(m);
  return once(unit, () => new Intl.NumberFormat(code, { style: "unit", unit, unitDisplay: "short" })).format(value);
}

export function formatPlace(lat: number, lon: number): string {
  const n = (v: number) => once("place", () => new Intl.NumberFormat(code, { minimumFractionDigits: 2, maximumFractionDigits: 4 })).format(v);
  return `${n(lat)}, ${n(lon)}`;
}

export function countryName(alpha2: string | null | undefined): string {
  if (!alpha2) return "";
  try { return once("c", () => new Intl.DisplayNames([code], { type: "region" })).of(alpha2) ?? alpha2; } catch { return alpha2; }
}

export function languageName(tag: string): string {
  try { return once("l", () => new Intl.DisplayNames([code], { type: "language" })).of(tag) ?? tag; } catch { return tag; }
}

const rightToLeft = new Set(["ar", "fa", "he", "ur", "ps", "sd", "ug", "yi", "dv", "ckb", "syr", "arc", "mid", "sam"]);
/** Direction of a text whose language is known; browsers find it out themselves for the rest. */
export function directionOf(tag: string | undefined): "rtl" | "ltr" | "auto" {
  if (!tag) return "auto";
  return rightToLeft.has(tag.toLowerCase().split("-")[0]) ? "rtl" : "ltr";
}
