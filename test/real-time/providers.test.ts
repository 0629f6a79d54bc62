import { getEventListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { EXITS, type Exit, type ExitReport, PHASES, type Phase, runExit } from '../providers/support/exits.js'
import { SDK_MODELS } from '../providers/support/sdk-models.js'

/** Measured: a few milliseconds; promised: 100. */
const PROMISED_MS = 100
const MARGIN = 10
const RUNS = 5
const CALLS = 100

const measured = new Map<string, number[]>()

function expectEnd(exit: Exit, { outcome, saved }: ExitReport): void {
  const ends: Record<Exit, object> = {
    cancel: { status: 'cancelled', reason: { kind: 'user' }, commit: 'none' },
    deadline: { status: 'cancelled', reason: { kind: 'deadline' }, commit: 'none' },
    'consumer throws': { status: 'failed', error: { code: 'producer.failed' }, commit: 'none' },
    'validation fails': { status: 'failed', error: { code: 'result.invalid' }, commit: 'none' },
    completes: { status: 'completed', commit: 'done' },
  }
  expect(outcome).toMatchObject({ ...ends[exit], forced: false, cleanup: 'clean' })
  expect(saved).toBe(exit === 'completes' ? 1 : 0)
}

describe.each(SDK_MODELS)('CAN-17 G2: the provider behind $name', (sdk) => {
  const cells = PHASES.flatMap((phase) => EXITS.map((exit) => [phase, exit] as const))

  it.each(cells)('sees its connection closed when, %s, the job ends: %s', async (phase: Phase, exit: Exit) => {
    await runExit(sdk, phase, exit) // the first call of an SDK loads and compiles
    const times: number[] = []
    for (let run = 0; run < RUNS; run++) {
      const report = await runExit(sdk, phase, exit)
      expectEnd(exit, report)
      expect(getEventListeners(report.signal, 'abort')).toEqual([])
      times.push(report.closedMs)
    }
    measured.set(`${sdk.name} | ${phase} | ${exit}`, times)
    expect(Math.max(...times)).toBeLessThan(PROMISED_MS * MARGIN)
  })

  it(`G11: leaves no open handle over ${CALLS} calls`, async () => {
    await runExit(sdk, 'flowing', 'completes')
    const before = await openHandles()
    for (let call = 0; call < CALLS; call++) {
      const [phase, exit] = cells[call % cells.length] ?? ['flowing', 'cancel']
      expect((await runExit(sdk, phase, exit)).requests).toBe(1)
    }
    expect(added(before, await openHandles())).toEqual([])
  })
})

/** What keeps this process alive, after what is being closed has had its turn. */
async function openHandles(): Promise<readonly string[]> {
  for (let turn = 0; turn < 10; turn++) await nextTurn()
  return process.getActiveResourcesInfo().toSorted()
}

/** The runner's own timers may have gone meanwhile. */
function added(before: readonly string[], after: readonly string[]): string[] {
  const known = [...before]
  return after.filter((name) => {
    const at = known.indexOf(name)
    if (at >= 0) known.splice(at, 1)
    return at < 0
  })
}

afterAll(() => {
  const rows = [...measured].map(([cell, times]) => {
    const sorted = times.toSorted((a, b) => a - b)
    const [p50 = 0, max = 0] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)]
    return `| ${cell} | ${p50.toFixed(1)} | ${max.toFixed(1)} |`
  })
  process.stdout.write(`\n| SDK | phase | exit | p50 ms | max ms |\n|---|---|---|---|---|\n${rows.join('\n')}\n`)
})
