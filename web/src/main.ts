// SPDX-License-Identifier: AGPL-3.0-or-later
import { mount } from "svelte";
import "./app.css";
import App from "./App.svelte";
import { preferredLanguage, setLanguage } from "./lib/i18n.svelte.ts";
import { followLinks } from "./lib/router.svelte.ts";
import { resumeSession } from "./lib/session.svelte.ts";

await setLanguage(preferredLanguage(), false);
followLinks();
void resumeSession();
const target = document.getElementById("app");
if (target) mount(App, { target });
