import type { EventSourceMessage } from 'eventsource-parser'
import { parseObject } from './answer.js'
import type { StreamEvent } from './client-options.js'

/** A frame of the stream: its place, and the event if it is one that this version can read. */
export interface WireFrame {
  /** NaN or 0 when even the place cannot be told. */
  readonly seq: number
  readonly event: StreamEvent | undefined
}

/** The types of events, and the field that must be a string; a kind that only a newer server knows still ends the job. */
const FIELDS: ReadonlyMap<unknown, string> = new Map([
  ['step', 'step'],
  ['chunk', 'content'],
  ['metadata', 'type'],
  ['data', 'name'],
  ['cancelling', 'kind'],
  ['cancelled', 'kind'],
  ['complete', 'type'],
  ['error', 'code'],
])

export function readFrame({ id, data }: EventSourceMessage): WireFrame {
  const seq = Number(id)
  const body = parseObject(data)
  const field = FIELDS.get(body.type)
  const isWhole = seq && field && typeof body[field] === 'string'
  return { seq, event: isWhole ? ({ ...body, seq } as StreamEvent) : undefined }
}
