import { createGenerationClient, type GenerationClient, type GenerationState } from 'generation-jobs/client'
import type { Say } from './narrator.ts'

/** A page of the same person, on some device. It knows only the address of the proxy. */
export interface Device {
  readonly client: GenerationClient<{ about: string }>
  /** The numbers of all events it saw of this story, in the order in which they came. */
  readonly seen: readonly number[]
  /** Resolves with the first state for which it holds, the present one included. */
  until(holds: (state: GenerationState) => boolean): Promise<GenerationState>
}

export function openDevice(name: string, proxyUrl: string, say: Say): Device {
  const seen: number[] = []
  const client = createGenerationClient<{ about: string }>({
    baseUrl: `${proxyUrl}/stories`,
    headers: { 'x-user': 'ada' },
    locale: 'en',
    onEvent: ({ seq }) => seen.push(seq),
    onWarning: ({ code }) => say(name, `${code} after event ${seen.at(-1)}: it will ask for the rest`),
  })
  let { phase } = client.getState()
  client.subscribe((state) => {
    if (state.phase === phase) return
    phase = state.phase
    say(name, `is ${phase}${state.message ? `: "${state.message}"` : ''}`)
  })
  return {
    client,
    seen,
    until: (holds) =>
      new Promise((resolve) => {
        const look = (state: GenerationState) => {
          if (!holds(state)) return
          stop()
          resolve(state)
        }
        const stop = client.subscribe(look)
        look(client.getState())
      }),
  }
}

export const isOver = ({ phase }: GenerationState) => ['interrupted', 'completed', 'failed'].includes(phase)

/** Every event once and in order, from the first on. */
export function isGapless(seen: readonly number[]): boolean {
  return seen.every((seq, index) => seq === index + 1)
}
