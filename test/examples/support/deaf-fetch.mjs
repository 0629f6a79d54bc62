// A provider that never answers and does not hear the signal: `node --import ./deaf-fetch.mjs main.ts`.
globalThis.fetch = () => {
  setInterval(() => {}, 1_000_000)
  return new Promise(() => {})
}
