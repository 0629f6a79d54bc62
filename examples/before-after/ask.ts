import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'

/** What a story is to be: how many words the model writes, and how it ends. No word: it hangs. */
export interface Wish {
  readonly words: number
  readonly finish: 'stop' | 'length'
}

/** A piece of the model's answer; the last one says why it ended. */
export interface Piece {
  readonly text?: string
  readonly finish?: 'stop' | 'length'
}

export type Ask = (wish: Wish, signal: AbortSignal) => AsyncGenerator<Piece, void, void>

/** The provider's SDK, as small as it can be: it listens to the signal, as good ones do. */
export function askOf(providerUrl: string): Ask {
  return async function* ask({ words, finish }, signal) {
    const response = await fetch(`${providerUrl}/?words=${words}&finish=${finish}`, { signal })
    if (!response.ok || !response.body) throw new Error(`The provider answered ${response.status}.`)
    for await (const line of createInterface({ input: Readable.from(response.body) })) yield JSON.parse(line) as Piece
  }
}
