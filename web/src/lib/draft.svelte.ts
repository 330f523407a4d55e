// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The report that is being written. It lives in memory, so it survives a look at the map and back, and nothing else.
// It is written to the device (localStorage) only after the person ticks the box that says what that means: a phone can be
// taken away and read, and a half-written report would name its author. What was kept is removed as soon as it is sent.
const key = "fane.report";

export interface Draft { text: string; type: string; lat: number | null; lon: number | null }
const blank = (): Draft => ({ text: "", type: "", lat: null, lon: null });

export const draft = $state({ ...blank(), keep: false });

export function restoreDraft(): boolean {
  try {
    const kept = localStorage.getItem(key);
    if (!kept || draft.text) return false;
    const d = JSON.parse(kept) as Partial<Draft>;
    if (typeof d.text !== "string") return false;
    Object.assign(draft, {
      text: d.text, type: typeof d.type === "string" ? d.type : "",
      lat: typeof d.lat === "number" ? d.lat : null, lon: typeof d.lon === "number" ? d.lon : null, keep: true,
    });
    return true;
  } catch {
    return false;
  }
}

/** Called when the draft or the box changes: writes it down if asked to, and wipes it if not. */
export function storeDraft(): void {
  try {
    const { text, type, lat, lon } = draft;
    if (draft.keep && text) localStorage.setItem(key, JSON.stringify({ text, type, lat, lon }));
    else localStorage.removeItem(key);
  } catch { /* storage is full or refused: the page still holds the text, and says that it is not kept */ draft.keep = false; }
}

export function clearDraft(): void {
  Object.assign(draft, blank(), { keep: false });
  try { localStorage.removeItem(key); } catch { /* nothing was kept then */ }
}
