// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Labels of codes (religions, kinds, types...) from /api/v1/vocab, which has six languages. A code without a label shows
// itself: a page never waits for the vocabulary, and the report form works without it.
import { get } from "./api.ts";
import { locale } from "./i18n.svelte.ts";

type Labels = Record<string, Record<string, string>>;
type Vocab = Record<string, Labels>;

let vocab = $state.raw<Vocab>({});
let asked: Promise<void> | undefined;

export function loadVocab(): Promise<void> {
  asked ??= get<Vocab>("/api/v1/vocab").then(
    (v) => { vocab = v; },
    () => { asked = undefined; },
  );
  return asked;
}

export function label(group: string, code: string | null | undefined): string {
  if (!code) return "";
  const labels = vocab[group]?.[code];
  return labels?.[locale.code] ?? labels?.en ?? code;
}

/** Codes and labels of a group, in the vocabulary's own order. */
export function entries(group: string): [string, string][] {
  return Object.keys(vocab[group] ?? {}).map((code) => [code, label(group, code)]);
}

export function sortedEntries(group: string): [string, string][] {
  const compare = new Intl.Collator(locale.code).compare;
  return entries(group).sort((a, b) => compare(a[1], b[1]));
}
