// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The small part of ICU MessageFormat that the message files use: {name}, {name, plural, =0 {..} one {..} other {..}}
// and {name, selectordinal, ..}, with # for the number. tools/lint-messages.mjs reads the same grammar, so a message that does not parse fails the build.

export type Args = Record<string, string | number>;
type Part = string | { name: string; ordinal?: boolean; forms?: Map<string, Part[]> };

function parse(text: string): Part[] {
  let i = 0;
  const body = (): Part[] => {
    const parts: Part[] = [];
    let run = "";
    while (i < text.length && text[i] !== "}") {
      if (text[i] !== "{") {
        run += text[i++];
        continue;
      }
      if (run) parts.push(run);
      run = "";
      const head = /^\{\s*(\w+)\s*(,\s*(plural|selectordinal)\s*,)?/.exec(text.slice(i));
      if (!head) throw new Error(`message: ${text}`);
      i += head[0].length;
      const forms = head[2] ? new Map<string, Part[]>() : undefined;
      for (let form; forms && (form = /^\s*(=\d+|\w+)\s*\{/.exec(text.slice(i))); ) {
        i += form[0].length;
        forms.set(form[1], body());
        i++;
      }
      while (i < text.length && text[i] !== "}") i++;
      i++;
      parts.push({ name: head[1], ordinal: head[3] === "selectordinal", forms });
    }
    if (run) parts.push(run);
    return parts;
  };
  return body();
}

function write(parts: Part[], args: Args, language: string, number: (n: number) => string, hash: number): string {
  let out = "";
  for (const part of parts) {
    if (typeof part === "string") {
      out += Number.isNaN(hash) ? part : part.replaceAll("#", number(hash));
      continue;
    }
    const value = args[part.name];
    if (!part.forms) {
      out += typeof value === "number" ? number(value) : (value ?? "");
      continue;
    }
    const n = Number(value);
    const form = part.forms.get(`=${n}`) ?? part.forms.get(new Intl.PluralRules(language, { type: part.ordinal ? "ordinal" : "cardinal" }).select(n)) ?? part.forms.get("other");
    out += write(form ?? [], args, language, number, n);
  }
  return out;
}

const parsed = new Map<string, Part[]>();

/** Fills the message's placeholders; numbers are written the way the language writes them. */
export function formatMessage(text: string, args: Args, language: string, number: (n: number) => string): string {
  let parts = parsed.get(text);
  if (!parts) parsed.set(text, (parts = parse(text)));
  return write(parts, args, language, number, NaN);
}
