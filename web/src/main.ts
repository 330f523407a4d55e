// SPDX-License-Identifier: AGPL-3.0-or-later
import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { preferredLanguage, setLanguage } from "./lib/i18n.svelte.ts";
import { resumeOffline } from "./lib/offline.svelte.ts";
import { followLinks, router } from "./lib/router.svelte.ts";
import { resumeSession } from "./lib/session.svelte.ts";
import { startTheme } from "./lib/theme.svelte.ts";

/** No await at the top of this module: the pages import from it, and would wait for it for ever. */
async function start(): Promise<void> {
  startTheme();
  const { name, load } = router.route;
  void load().catch(() => {}); // asked for beside the language, not after it; App shows a failure
  await setLanguage(preferredLanguage(), false);
  followLinks();
  if (name !== "embed") {
    void resumeSession();
    resumeOffline();
  }
  const target = document.getElementById("app");
  if (target) mount(App, { target });
}
void start();
