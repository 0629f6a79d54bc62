import { createMemoryJobStore, GenerationJobManager, GenerationOrchestrator } from 'generation-jobs'
import { createVirtualClock } from 'generation-jobs/testing'

type Options = Readonly<Record<string, unknown>>

/** The calls of the README's tables, with one option set and all others out of its way. */
export const CALLS: Readonly<Record<string, (option: string, value: unknown) => Promise<void>>> = {
  async 'new GenerationJobManager'(option, value) {
    const clock = createVirtualClock()
    // Without these the limits on both sides of an option would meet before its own.
    const around: Options = {
      gracePeriodMs: { cancelTimeoutMs: 2_147_483_647 },
      cancelTimeoutMs: { gracePeriodMs: 0.25 },
      storeTimeoutMs: { gracePeriodMs: 0.25, cancelTimeoutMs: 2_147_483_647 },
    }
    await new GenerationJobManager({ clock, logger: false, ...(around[option] as object), [option]: value }).close()
  },
  async register(option, value) {
    await withManager((manager) => manager.register(async () => undefined, { [option]: value }))
  },
  async cancel(option, value) {
    await withManager((manager) => manager.cancel('any', { [option]: value }))
  },
  async waitForCompletion(option, value) {
    await withManager((manager) => manager.waitForCompletion('any', { [option]: value }))
  },
  async events(option, value) {
    await withManager(async (manager) => void manager.events('any', { [option]: value }))
  },
  async drain(option, value) {
    await withManager((manager) => manager.drain({ [option]: value }))
  },
  async createMemoryJobStore(option, value) {
    createMemoryJobStore({ [option]: value })
  },
  async 'new GenerationOrchestrator'(option, value) {
    new GenerationOrchestrator({ generate: () => new ReadableStream<string>() }, { [option]: value })
  },
}

async function withManager(use: (manager: GenerationJobManager) => Promise<unknown>): Promise<void> {
  const clock = createVirtualClock()
  const manager = new GenerationJobManager({ clock, logger: false })
  try {
    await use(manager)
    await clock.settle()
  } finally {
    await manager.close()
  }
}
