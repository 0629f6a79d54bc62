import { useSyncExternalStore } from 'react'
import type { GenerationClient } from '../client/generation-client.js'
import type { GenerationState } from '../client/generation-state.js'

/**
 * The state of a client, rendered anew at each change. Make the client outside of the component, or once with
 * `useState(() => createGenerationClient(…))`: rendering and unmounting start and end nothing.
 */
export function useGeneration<Params, Result>(client: GenerationClient<Params, Result>): GenerationState<Result> {
  return useSyncExternalStore(client.subscribe, client.getState, client.getState)
}
