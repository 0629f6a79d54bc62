import { setTimeout as delay } from 'node:timers/promises'
import { seededRandom } from '../../../support/seeded-random.js'
import type { ChaosNode } from './chaos-node.js'
import type { Write } from './history.js'
import type { Plan } from './requests.js'

const AT_ONCE = 12
const ATTEMPTS = 20

export interface LoadOptions {
  readonly seed: number
  readonly jobs: number
  readonly nodes: readonly ChaosNode[]
  readonly write: Write
}

/** Clients that register jobs, read them and cancel some, each request at a random node; what fails is tried again elsewhere. */
export class Load {
  readonly #options: LoadOptions
  #next = 0
  #onAllStarted = (): void => {}
  /** Every job is registered, or given up. */
  readonly allStarted = new Promise<void>((resolve) => {
    this.#onAllStarted = resolve
  })

  constructor(options: LoadOptions) {
    this.#options = options
  }

  /** Resolves when every reader of every job has come to the end. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#client()))
  }

  async #client(): Promise<void> {
    while (this.#next < this.#options.jobs) await this.#job(this.#next++)
  }

  async #job(index: number): Promise<void> {
    const { seed, jobs, nodes, write } = this.#options
    // Its own numbers, so that its plan does not depend on what happens to others.
    const random = seededRandom(seed + 7_919 * (index + 1))
    const anyNode = () => nodes[Math.floor(random() * nodes.length)] as ChaosNode
    const jobId = `job-${index}`
    const isRegistered = await this.#register(jobId, planOf(random), anyNode)
    if (index === jobs - 1) this.#onAllStarted()
    if (!isRegistered) return

    const read = async (reader: string): Promise<void> => {
      const after = random() < 0.7 ? 0 : Math.floor(random() * 3)
      await delay(random() * 200)
      write({ what: 'reader', jobId, reader, after })
      let cursor = after
      for (let attempt = 0; attempt < 10 * ATTEMPTS; attempt++) {
        let isThis = true // what a connection says that was given up is not read
        const isEnd = await anyNode().ask({ ask: 'read', jobId, after: cursor }, (seq, type) => {
          if (!isThis) return
          cursor = seq
          write({ what: 'read', jobId, reader, seq, type })
        })
        isThis = false
        if (isEnd) return write({ what: 'read to the end', jobId, reader })
        await delay(50)
      }
    }
    const cancel = () => anyNode().ask({ ask: 'cancel', jobId })

    const readers = [read(`${jobId} a`)]
    if (random() < 0.3) readers.push(read(`${jobId} b`))
    if (random() < 0.5) {
      await delay(random() * 200)
      await cancel()
    }
    const isRead = Promise.all(readers).then(() => true)
    // Those that would go on for ever are ended by somebody.
    while (!(await Promise.race([isRead, delay(1_000, false)]))) await cancel()
  }

  async #register(jobId: string, plan: Plan, anyNode: () => ChaosNode): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await anyNode().ask({ ask: 'register', jobId, plan })) return true
      await delay(100)
    }
    return false
  }
}

function planOf(random: () => number): Plan {
  const chunks = Math.floor(random() * 20)
  const paceMs = random() * 20
  const dice = random()
  const ending = (
    [
      [0.15, 'throws'],
      [0.25, 'hangs'],
      [0.35, 'returns'],
      [0.45, 'save throws'],
      [1, 'commits'],
    ] as const
  ).find(([below]) => dice < below)?.[1]
  return { chunks, paceMs, ending: ending ?? 'commits' }
}
