import type { JobEvent } from '../protocol/job-event.js'
import type { Messages } from '../protocol/messages.js'
import { sseFrame } from './sse-encoder.js'
import { wireData } from './wire-event.js'

const encoder = new TextEncoder()

/** Text of a `text/event-stream` for one viewer or for many, and its bytes, made once when the first of them asks. */
export class Frames {
  readonly text: string
  /** Whether several viewers get it: then bytes are cheaper than a text, which each of them would encode. */
  readonly isShared: boolean
  #bytes: Uint8Array | undefined

  constructor(text: string, isShared = false) {
    this.text = text
    this.isShared = isShared
  }

  /** Never change them. */
  get bytes(): Uint8Array {
    this.#bytes ??= encoder.encode(this.text)
    return this.#bytes
  }
}

/** The events as the wire carries them, in order. */
export function framesText(events: readonly JobEvent[], messages: Messages): string {
  let text = ''
  for (const event of events) text += sseFrame({ id: event.seq, data: wireData(event, messages) })
  return text
}
