import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Makes `globalThis.gc` exist, which `assertNoLeaks` measures the heap with. */
export function exposeGc(): void {
  setFlagsFromString('--expose-gc')
  Object.assign(globalThis, { gc: runInNewContext('gc') })
}
