import type { BullMQJob, BullMQQueue, Processed } from 'generation-jobs/bullmq'

/** How BullMQ would see a job after its processor: done, failed for good, to be tried again, or back in the queue. */
export type Seen =
  | { readonly state: 'completed'; readonly value: Processed }
  | { readonly state: 'failed' | 'retried' | 'delayed'; readonly message: string }

type Processor = (job: BullMQJob, token?: string, signal?: AbortSignal) => Promise<Processed>

export interface QueuedDelivery {
  readonly id: string
  readonly options: Readonly<Record<string, unknown>>
  readonly job: BullMQJob
}

/** A queue in this process with the rules of BullMQ that the bridge counts on; the tests bring its jobs to workers by hand. */
export interface LocalQueue extends BullMQQueue {
  readonly waiting: readonly QueuedDelivery[]
  /** What the next `add` does instead. */
  onAdd: (() => Promise<never>) | undefined
  /** Takes the oldest job out, as a worker does: from then on it cannot be removed. */
  take(): QueuedDelivery
  /** Hands it to a processor, and tells what BullMQ would make of its end. */
  give(delivery: QueuedDelivery, processor: Processor, signal?: AbortSignal): Promise<Seen>
}

export function localQueue(): LocalQueue {
  const waiting: QueuedDelivery[] = []
  const active = new Set<QueuedDelivery>()
  return {
    waiting,
    onAdd: undefined,
    async add(_name, data, options) {
      if (this.onAdd) return this.onAdd()
      const id = String(Reflect.get(options, 'jobId'))
      if ([...waiting, ...active].some((known) => known.id === id)) return
      const carried: unknown = JSON.parse(JSON.stringify(data)) // it goes over a network
      const delivery: QueuedDelivery = {
        id,
        options: { ...options },
        job: {
          id,
          data: carried,
          moveToDelayed: async () => {
            active.delete(delivery)
            waiting.push(delivery)
          },
        },
      }
      waiting.push(delivery)
    },
    async getJob(id) {
      const delivery = [...waiting, ...active].find((known) => known.id === id)
      return (
        delivery && {
          getState: async () => (active.has(delivery) ? 'active' : waiting.includes(delivery) ? 'waiting' : 'failed'),
          async remove() {
            if (active.has(delivery)) throw new Error('could not be removed because it is locked by another worker')
            waiting.splice(waiting.indexOf(delivery), 1)
          },
        }
      )
    },
    take() {
      const delivery = waiting.shift()
      if (!delivery) throw new Error('the queue is empty')
      active.add(delivery)
      return delivery
    },
    async give(delivery, processor, signal) {
      try {
        return { state: 'completed', value: await processor(delivery.job, 'token', signal) }
      } catch (error) {
        const { name, message } = error as Error
        const state = name === 'UnrecoverableError' ? 'failed' : name === 'DelayedError' ? 'delayed' : 'retried'
        return { state, message }
      } finally {
        active.delete(delivery)
      }
    },
  }
}
