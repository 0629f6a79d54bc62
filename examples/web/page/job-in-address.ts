import type { GenerationState } from 'generation-jobs/client'
import type { DialogueClient } from './client.ts'

/**
 * Keeps the id of the live job in the address (`#job=…`): a reload resumes it, and a second tab with the same address follows it
 * too. Whoever has the address of another guest's job is told that there is none.
 */
export function keepJobInAddress(client: DialogueClient): void {
  client.subscribe((state) => {
    const { pathname, search, hash } = location
    const wanted = isWorthReturningTo(state) ? `#job=${state.jobId}` : ''
    if (hash !== wanted) history.replaceState(null, '', pathname + search + wanted)
  })

  function follow(): void {
    const jobId = new URLSearchParams(location.hash.slice(1)).get('job')
    if (!jobId || jobId === client.getState().jobId) return
    client.reset()
    void client.attach(jobId)
  }

  addEventListener('hashchange', follow)
  follow()
}

function isWorthReturningTo({ phase, jobId, error }: GenerationState): boolean {
  if (jobId === undefined) return false
  if (phase === 'failed') return error.code === 'client.connection-lost'
  return phase === 'starting' || phase === 'running' || phase === 'interrupting'
}
