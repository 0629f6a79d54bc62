import type { JobEvent } from 'generation-jobs'

/** What a producer does. */
export interface Plan {
  readonly chunks: number
  readonly paceMs: number
  readonly ending: 'throws' | 'hangs' | 'returns' | 'commits' | 'save throws'
}

/** How a chaos node is started. */
export interface NodeSettings {
  readonly name: string
  readonly client: 'ioredis' | 'node-redis'
  readonly port: number
  readonly prefix: string
  readonly historyPath: string
  readonly leaseMs: number
  readonly heartbeatMs: number
}

/** What a client asks of a node. */
export type Request =
  | { readonly ask: 'register'; readonly jobId: string; readonly plan: Plan }
  | { readonly ask: 'cancel'; readonly jobId: string }
  | { readonly ask: 'read'; readonly jobId: string; readonly after: number }

/** What a node says. An answer ends a request; events of a `read` come before it. */
export type Message =
  | { readonly say: 'ready' }
  | { readonly say: 'event'; readonly id: number; readonly seq: number; readonly type: JobEvent['type'] }
  | { readonly say: 'answer'; readonly id: number; readonly isOk: boolean }
