// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Site } from "./api.ts";
import { t } from "./i18n.svelte.ts";

type Dated = Pick<Site, "start_earliest" | "start_latest" | "start_about">;

/** Roman numerals, in which many languages write centuries. */
function roman(n: number): string {
  const signs: [number, string][] = [[100, "C"], [90, "XC"], [50, "L"], [40, "XL"], [10, "X"], [9, "IX"], [5, "V"], [4, "IV"], [1, "I"]];
  let out = "";
  for (const [value, sign] of signs) for (; n >= value; n -= value) out += sign;
  return out;
}

/** A year as ISO 8601 numbers it: 0 is 1 BCE. */
function yearText(year: number): string {
  return year > 0 ? t("age.ce", { year: String(year) }) : t("age.bce", { year: String(1 - year) });
}

/** The century that begins with the year 1201 and the like; 0: no century begins there. */
const centuryFrom = (year: number) => (year - 1) % 100 ? 0 : year > 0 ? (year - 1) / 100 + 1 : (year - 1) / 100;

function centuryText(century: number): string {
  const n = Math.abs(century);
  return t(century > 0 ? "age.century" : "age.century_bce", { n, roman: roman(n) });
}

function spanText(from: number, to: number): string {
  const first = centuryFrom(from), last = centuryFrom(to - 99);
  if (first && last && to > from) return first === last ? centuryText(first) : t("age.range", { from: centuryText(first), to: centuryText(last) });
  if (from > 0 && from % 10 === 0 && to === from + 9) return t("age.decade", { year: String(from) });
  return from === to ? yearText(from) : t("age.range", { from: yearText(from), to: yearText(to) });
}

function whenText(from: number | null, to: number | null): string {
  if (from === null) return t("age.before", { when: yearText((to as number) + 1) });
  return to === null ? t("age.after", { when: yearText(from - 1) }) : spanText(from, to);
}

/** The least age, in tens where it is not known to the year; empty where nothing can be said. */
function yearsText(from: number | null, to: number | null, isAbout: boolean, now: number): string {
  const n = to === null ? 0 : now - to;
  if (from === to && !isAbout) return n > 0 ? t("age.years", { n }) : "";
  const tens = Math.floor((isAbout ? n - 10 : n) / 10) * 10;
  return tens >= 20 ? t("age.years_least", { n: tens }) : "";
}

/** When a site was built, and how old that makes it, in words; null when it is not known. */
export function ageText(site: Dated, now = new Date().getUTCFullYear()): { when: string; years: string } | null {
  const { start_earliest: from, start_latest: to, start_about: isAbout } = site;
  if ((from ?? null) === null && (to ?? null) === null) return null;
  const when = whenText(from, to);
  return { when: isAbout ? t("age.about", { when }) : when, years: yearsText(from, to, isAbout, now) };
}
