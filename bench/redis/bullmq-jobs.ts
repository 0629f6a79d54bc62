import { Queue, Worker } from 'bullmq'

export interface BullMQJobs {
  /** Adds so many jobs, `concurrency` at a time, and waits until all are done. */
  run(jobs: number): Promise<void>
  close(): Promise<void>
}

/** As long as a job of ours is kept once it is settled, seconds: a finished job can be looked up on both sides. */
const KEPT_FOR = 15 * 60

/** Queue and worker in this process, as a small server has them. */
export async function bullmqJobs(port: number, concurrency: number): Promise<BullMQJobs> {
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection })
  const worker = new Worker('bench', async () => 1, { connection, concurrency, removeOnComplete: { age: KEPT_FOR } })
  await worker.waitUntilReady()
  return {
    async run(jobs) {
      let done = 0
      const all = new Promise<void>((resolve) => {
        const onCompleted = (): void => {
          if (++done < jobs) return
          worker.off('completed', onCompleted)
          resolve()
        }
        worker.on('completed', onCompleted)
      })
      await inLanes(jobs, concurrency, () => queue.add('job', {}))
      await all
    },
    async close() {
      await worker.close()
      await queue.close()
    },
  }
}

export async function inLanes(jobs: number, lanes: number, one: () => Promise<unknown>): Promise<void> {
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun++ < jobs) await one()
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}
