// SPDX-License-Identifier: AGPL-3.0-or-later
import { t } from "./i18n.svelte.ts";

/**
 * What a heritage field says, in words. OpenStreetMap writes "LEVEL OPERATOR", where the level is that of the authority:
 * 1 the world, 2 a country, more for parts of it (wiki.openstreetmap.org/wiki/Key:heritage). Other texts stand as they are.
 */
export function heritageText(value: string): { text: string; operator: string } | null {
  const found = /^(\d{1,2})(?:\s+(\S.*))?$/.exec(value.trim());
  if (!found) return value.trim() ? { text: value.trim(), operator: "" } : null;
  const level = Number(found[1]);
  return { text: t(level === 1 ? "heritage.world" : level === 2 ? "heritage.national" : "heritage.regional"), operator: found[2] ?? "" };
}
