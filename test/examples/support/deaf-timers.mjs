// Preloaded into an example: what waits with timers/promises waits for ever and ignores its signal, as a hung model does.
import { syncBuiltinESMExports } from 'node:module'
import timers from 'node:timers/promises'

timers.setTimeout = () => new Promise(() => setInterval(() => {}, 1_000))
syncBuiltinESMExports()
