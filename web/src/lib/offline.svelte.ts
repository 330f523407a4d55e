// SPDX-License-Identifier: AGPL-3.0-or-later
//
// A copy of the app on the device, for use without a connection: only for those who ask for it, since whoever takes the
// device can read from it that its owner came here and which part of the map was looked at. Asking is installing the app,
// or the switch in the menu; turning the switch off removes the copy.
const supported = "serviceWorker" in navigator && isSecureContext;
const installed = matchMedia("(display-mode: standalone)");
let on = $state(false);

export const offline = {
  get supported(): boolean { return supported; },
  get on(): boolean { return on; },
};

/** Takes note of a copy that is there, and makes one when the app was installed. */
export function resumeOffline(): void {
  if (!supported) return;
  if (installed.matches) { void keepOffline(); return; }
  void navigator.serviceWorker.getRegistration("/").then((r) => { on = r !== undefined; }, () => {});
}

export async function keepOffline(): Promise<void> {
  if (!supported) return;
  try {
    await navigator.serviceWorker.register("/sw.js", { scope: "/", updateViaCache: "none" });
    await navigator.serviceWorker.ready;
    on = true;
  } catch { on = false; }
}

export async function dropOffline(): Promise<void> {
  on = false;
  if (!supported) return;
  const found = await navigator.serviceWorker.getRegistrations().catch(() => []);
  await Promise.all([...found.map((r) => r.unregister()), ...(await caches.keys()).map((k) => caches.delete(k))]).catch(() => {});
}
