/// <reference types="svelte" />
/// <reference types="vite/client" />
declare module "virtual:basemap" {
  export const worldUrl: string;
}
declare module "virtual:countries" {
  const codes: string[];
  export default codes;
}
