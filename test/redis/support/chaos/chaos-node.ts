import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { JobEvent } from 'generation-jobs'
import type { Message, NodeSettings, Request } from './requests.js'

const program = fileURLToPath(new URL('./node-process.ts', import.meta.url))
const hooks = fileURLToPath(new URL('../../../support/package-hooks.mjs', import.meta.url))

/** How long a client waits for an answer, or for the next event of a job that it reads. */
const PATIENCE_MS = 3_000

interface Pending {
  onEvent(seq: number, type: JobEvent['type']): void
  onAnswer(isOk: boolean): void
}

/** A node in a process of its own, as its clients and its enemies see it. */
export class ChaosNode {
  readonly #settings: NodeSettings
  readonly #pending = new Map<number, Pending>()
  #child: ChildProcess | undefined
  #lastId = 0

  constructor(settings: NodeSettings) {
    this.#settings = settings
  }

  get name(): string {
    return this.#settings.name
  }

  /** Resolves when it takes requests. */
  async start(): Promise<void> {
    const child = fork(program, [JSON.stringify(this.#settings)], {
      execArgv: ['--import', hooks],
    })
    const ready = new Promise<void>((resolve, reject) => {
      child.on('message', (message: Message) => {
        if (message.say === 'ready') resolve()
        else if (message.say === 'event') this.#pending.get(message.id)?.onEvent(message.seq, message.type)
        else this.#pending.get(message.id)?.onAnswer(message.isOk)
      })
      child.once('exit', () => reject(new Error(`${this.name} ended before it was ready`)))
    })
    this.#child = child
    child.once('exit', () => {
      for (const { onAnswer } of [...this.#pending.values()]) onAnswer(false)
    })
    await ready
  }

  /** SIGKILL */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** SIGSTOP */
  stop(): void {
    this.#child?.kill('SIGSTOP')
  }

  /** SIGCONT */
  continue(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Resolves with whether it was done; a node that dies or says nothing for too long has not done it, as far as its client knows. */
  ask(request: Request, onEvent: (seq: number, type: JobEvent['type']) => void = () => {}): Promise<boolean> {
    const id = ++this.#lastId
    return new Promise((resolve) => {
      const finish = (isOk: boolean) => {
        clearTimeout(patience)
        this.#pending.delete(id)
        resolve(isOk)
      }
      const patience = setTimeout(finish, PATIENCE_MS, false)
      this.#pending.set(id, {
        onAnswer: finish,
        onEvent(seq, type) {
          patience.refresh()
          onEvent(seq, type)
        },
      })
      if (this.#child?.connected) this.#child.send({ id, ...request }, (error) => error && finish(false))
      else finish(false)
    })
  }
}
