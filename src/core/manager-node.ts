import { InvalidOptionsError, show } from './errors.js'
import type { JobNode } from './job-node.js'
import type { GenerationJobManager } from './manager.js'

/** Where a manager keeps its node for the other entries of this package, whichever copy (ESM or CJS) they were loaded from. */
export const NODE = Symbol.for('generation-jobs.node')

/** The parts of a manager. @throws {InvalidOptionsError} when it is none */
export function nodeOf(manager: GenerationJobManager): JobNode {
  const node: unknown = typeof manager === 'object' && manager !== null ? Reflect.get(manager, NODE) : undefined
  if (node === undefined) throw new InvalidOptionsError(`Expected a GenerationJobManager, got ${show(manager)}.`)
  return node as JobNode
}
