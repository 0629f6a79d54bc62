import { type Row, type RowOptions, ratioRow } from '../measure/row.ts'
import { type Viewed, viewed } from './ask.ts'
import { ownStreams } from './own-streams.ts'

export interface Size {
  readonly clients: number
  readonly chunks: number
  readonly goal?: number
  readonly finalGoal?: number
}

/** Each client watches a generation of its own. */
export async function ownStreamRows(
  sourceOf: (chunks: number) => AsyncIterable<string>,
  { clients, chunks, ...goals }: Size,
  rounds: number,
): Promise<Row[]> {
  const seen = await viewed(
    ownStreams(() => sourceOf(chunks)),
    { clients, chunks, rounds },
  )
  const { raw } = seen
  const row = (what: string, name: string, options: RowOptions = {}): Row[] => {
    const one: Viewed | undefined = seen[name]
    if (!one || !raw) return []
    return [
      ratioRow(`${what}, ${clients} client${clients === 1 ? '' : 's'}`, one.taken, raw.taken, {
        note: `${one.bytes.toFixed(0)} B on the wire`,
        ...options,
      }),
    ]
  }
  return [
    ...row('raw res.write', 'raw'),
    ...row('raw, what is ready together is one write', 'coalesced', { by: 'bare' }),
    ...row('better-sse', 'betterSse', { by: 'peer' }),
    ...row('Hono streamSSE', 'hono', { by: 'peer' }),
    ...row('AI SDK pipeUIMessageStreamToResponse', 'aiSdk', { by: 'peer' }),
    ...row('job on the handler', 'ours', goals),
  ]
}
