import type { GenerationJobManager } from '../core/manager.js'
import type { ManagerEvents } from '../core/manager-events.js'

/** Adds a listener and answers its removal. */
export function listen<E extends keyof ManagerEvents>(
  manager: GenerationJobManager,
  event: E,
  listener: (payload: ManagerEvents[E]) => void,
): () => void {
  manager.on(event, listener)
  return () => void manager.off(event, listener)
}
