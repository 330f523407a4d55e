// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Holds the message files to one another: every file has the keys of en.json and no others, the same placeholders in each
// message ({roman} is {n} as some languages write it), and for each plural exactly the categories that its language has
// (Intl.PluralRules). It also reads the sources:
// a key that no source uses, or that a source uses and no file has, is an error. Exit 1 with one line per fault.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const src = join(dirname(fileURLToPath(import.meta.url)), "..", "src");
const folder = process.argv[2] ?? join(src, "messages");
const faults = [];

/** Placeholders and plurals of one message; the grammar is the one of src/lib/message.ts. */
function shape(text) {
  const names = new Set(), plurals = [];
  let i = 0;
  const body = (depth) => {
    while (i < text.length) {
      if (text[i] === "}") { if (depth > 0) return; throw new Error("} without {"); }
      if (text[i] !== "{") { i++; continue; }
      i++;
      const head = /^\s*(\w+)\s*/.exec(text.slice(i));
      if (!head) throw new Error(`no name after { at ${i}`);
      i += head[0].length;
      names.add(head[1] === "roman" ? "n" : head[1]);
      if (text[i] === "}") { i++; continue; }
      const kind = /^,\s*(plural|selectordinal)\s*,/.exec(text.slice(i));
      if (!kind) throw new Error(`only {name}, {name, plural, ...} and {name, selectordinal, ...} are known, at ${i}`);
      i += kind[0].length;
      const forms = [];
      for (;;) {
        const form = /^\s*(=\d+|\w+)\s*\{/.exec(text.slice(i));
        if (!form) break;
        forms.push(form[1]);
        i += form[0].length;
        body(depth + 1);
        i++;
      }
      if (!/^\s*\}/.test(text.slice(i))) throw new Error(`plural not closed at ${i}`);
      i += /^\s*\}/.exec(text.slice(i))[0].length;
      plurals.push({ name: head[1], type: kind[1] === "plural" ? "cardinal" : "ordinal", forms });
    }
    if (depth > 0) throw new Error("{ not closed");
  };
  body(0);
  return { names: [...names].sort(), plurals };
}

const files = readdirSync(folder).filter((n) => n.endsWith(".json")).sort();
const catalogues = new Map(files.map((n) => [basename(n, ".json"), JSON.parse(readFileSync(join(folder, n), "utf8"))]));
const reference = catalogues.get("en");
for (const [language, messages] of catalogues) {
  for (const key of Object.keys(reference)) if (!(key in messages)) faults.push(`${language}: no message '${key}'`);
  for (const [key, text] of Object.entries(messages)) {
    if (!(key in reference)) { faults.push(`${language}: '${key}' is not in en`); continue; }
    let mine, theirs;
    try { mine = shape(text); theirs = shape(reference[key]); } catch (e) { faults.push(`${language}: '${key}': ${e.message}`); continue; }
    if (mine.names.join() !== theirs.names.join()) faults.push(`${language}: '${key}' has {${mine.names}}, en has {${theirs.names}}`);
    for (const { name, type, forms } of mine.plurals) {
      const categories = new Intl.PluralRules(language, { type }).resolvedOptions().pluralCategories;
      const given = forms.filter((f) => !f.startsWith("="));
      for (const c of categories) if (!given.includes(c)) faults.push(`${language}: '${key}': plural of {${name}} lacks '${c}'`);
      for (const f of given) if (!categories.includes(f)) faults.push(`${language}: '${key}': '${f}' is no plural category of ${language}`);
    }
  }
}

const sources = [];
const walk = (dir) => {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (statSync(path).isDirectory()) walk(path);
    else if (/\.(svelte|ts)$/.test(name)) sources.push(readFileSync(path, "utf8"));
  }
};
walk(src);
const all = sources.join("\n");
const used = new Set([...all.matchAll(/\bt\(\s*"([\w.]+)"/g)].map((m) => m[1]));
const prefixes = [...all.matchAll(/\bt\(\s*`([\w.]+)\$\{/g)].map((m) => m[1]);
for (const key of used) if (!(key in reference)) faults.push(`sources use '${key}', which no file has`);
for (const key of Object.keys(reference)) {
  if (!used.has(key) && !all.includes(`"${key}"`) && !prefixes.some((p) => key.startsWith(p))) faults.push(`'${key}' is used nowhere`);
}

for (const f of faults) console.error(`messages: ${f}`);
console.error(`messages: ${Object.keys(reference).length} messages in ${files.length} languages, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
