// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Which name of a site stands first, and with which language: the reader's own where there is one, then the local name
// (what the people there call it), then English.
import { locale } from "./i18n.svelte.ts";

export interface Name { text: string; lang?: string }
type Named = { name: string; names?: Record<string, string> };

/** The language of the site's main name, when one of its names is the same text. */
function localLang(site: Named): string | undefined {
  return Object.entries(site.names ?? {}).find(([tag, text]) => tag !== "und" && text === site.name)?.[0];
}

export function mainName(site: Named): Name {
  const own = site.names?.[locale.code];
  return own ? { text: own, lang: locale.code } : { text: site.name, lang: localLang(site) };
}

/** The name for a sheet, with the local one and all others after it. */
export function allNames(site: Named): { first: Name; local: Name | null; others: Name[] } {
  const names = site.names ?? {};
  const own = names[locale.code], english = names.en;
  const local: Name = { text: site.name, lang: localLang(site) };
  const first: Name = own ? { text: own, lang: locale.code } : english ? { text: english, lang: "en" } : local;
  const others = Object.entries(names)
    .filter(([, text]) => text !== first.text && text !== local.text)
    .map(([tag, text]) => ({ text, lang: tag === "und" ? undefined : tag }));
  // where the main name is English too, the name in the local script is the first of the others
  const second = local.text && local.text !== first.text ? local : others.shift() ?? null;
  return { first, local: second, others };
}
