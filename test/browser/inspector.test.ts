import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { RunContext } from 'generation-jobs'
import { hostileSources, scriptedSource } from 'generation-jobs/testing'
import { expect, it } from 'vitest'
import { describeInChromium } from './support/chromium.ts'
import { type Inspected, openInspected } from './support/inspected-server.ts'

const SECRET = 'the dragon sleeps'
const SCREENSHOTS = fileURLToPath(new URL('./screenshots/', import.meta.url))

async function reads(run: RunContext): Promise<void> {
  run.step('Generating')
  await run.stream(scriptedSource([SECRET, { do: 'hang' }]))
}

/** What `settled` says of the cancel, by the record. */
function cancelMsOf({ manager }: Inspected): Map<string, number> {
  const measured = new Map<string, number>()
  manager.on('settled', ({ job, cancelMs }) => {
    if (cancelMs !== undefined) measured.set(job.jobId, cancelMs)
  })
  return measured
}

async function picture({ page }: Inspected, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true })
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: `${SCREENSHOTS}inspector-${name}-${colorScheme}.png`, animations: 'disabled' })
  }
  await page.emulateMedia({ colorScheme: null })
}

/** The phases after the request, and the sum that the page shows below them. */
async function cancelPhases(inspected: Inspected, jobId: string) {
  const all = await inspected.phases(jobId)
  const lettingGo = all.findIndex(({ name }) => name.startsWith('producer lets go'))
  const phases = all.slice(lettingGo, -1)
  return { phases, sum: all.at(-1)?.ms ?? Number.NaN, added: phases.reduce((total, { ms }) => total + ms, 0) }
}

describeInChromium('examples/inspector', (browser) => {
  it('says that there is nothing yet, and shows a job as soon as it is registered', async () => {
    const inspected = await openInspected(browser())
    await inspected.page.getByText('No jobs yet.').waitFor()
    await inspected.manager.register(reads, { jobId: 'first' })
    await inspected.row('first').waitFor()
    expect(await inspected.page.getByText('No jobs yet.').isVisible()).toBe(false)
    await inspected.page.getByText('1 running · 0 ended').waitFor()
    await inspected.row('first').getByText('Generating').waitFor()
    expect(inspected.faults).toEqual([])
  })

  it('shows where a cooperative cancel spent its milliseconds: phases that add up to its cancel_ms', async () => {
    const inspected = await openInspected(browser())
    const measured = cancelMsOf(inspected)
    const job = await inspected.manager.register(
      async (run: RunContext) => {
        run.defer(() => new Promise((resolve) => setTimeout(resolve, 120)), 'close connection')
        run.defer(() => new Promise((resolve) => setTimeout(resolve, 30)), 'delete temporary file')
        await reads(run)
      },
      { jobId: 'polite' },
    )
    await inspected.row('polite').getByText('Generating').waitFor()
    await job.cancel()
    await inspected.row('polite').getByText('cancelled · user').waitFor()
    await inspected.row('polite').click()
    const { phases, sum, added } = await cancelPhases(inspected, 'polite')
    const [lettingGo, ...released] = phases.filter(({ name }) => name !== 'source lets go') // on a busy machine that shows
    expect(lettingGo?.name).toBe('producer lets go')
    expect(released.map(({ name }) => name)).toEqual(['delete temporary file', 'close connection', 'settle'])
    expect(released[1]?.ms).toBeGreaterThan(100)
    expect(sum).toBeCloseTo(measured.get('polite') ?? Number.NaN, 0)
    expect(Math.abs(added - sum)).toBeLessThanOrEqual(0.05 * (phases.length + 1))
    const bars = inspected.row('polite').locator('.track .span')
    expect(await bars.evaluateAll((all) => all.map((one) => (one as HTMLElement).dataset.kind))).toEqual(
      expect.arrayContaining(['step', 'letting-go', 'cleanup', 'settle']),
    )
    await picture(inspected, 'cancel')
    expect(inspected.faults).toEqual([])
  })

  it('shows a forced cancel: what was not waited for, for how long, and that it was forced', async () => {
    const inspected = await openInspected(browser(), { gracePeriodMs: 400 })
    const measured = cancelMsOf(inspected)
    const source = hostileSources().neverYields()
    const job = await inspected.manager.register((run) => run.stream(source), { jobId: 'deaf' })
    await inspected.row('deaf').waitFor()
    await job.cancel()
    await inspected.row('deaf').getByText('forced').waitFor()
    await inspected.row('deaf').click()
    await inspected.detail('deaf').getByText('forced: producer or source had not let go').waitFor()
    const { phases, sum, added } = await cancelPhases(inspected, 'deaf')
    expect(phases.at(-1)?.name).toBe('source lets go not waited for')
    expect(sum).toBeGreaterThanOrEqual(200)
    expect(sum).toBeCloseTo(measured.get('deaf') ?? Number.NaN, 0)
    expect(Math.abs(added - sum)).toBeLessThanOrEqual(0.05 * (phases.length + 1))
    await picture(inspected, 'forced')
    expect(inspected.faults).toEqual([])
  })

  it('goes on by itself: queued, started, cancelling, settled, without a reload', async () => {
    const inspected = await openInspected(browser(), { maxConcurrentJobs: 1, gracePeriodMs: 3_000 })
    const { manager, row, page } = inspected
    const first = await manager.register(reads, { jobId: 'first' })
    let finish = (): void => {}
    const second = await manager.register(
      async (run: RunContext) => {
        run.defer(() => new Promise<void>((resolve) => (finish = resolve)), 'close connection')
        await reads(run)
      },
      { jobId: 'second' },
    )
    await row('second').getByText('pending').waitFor()
    expect(await row('second').locator('.span[data-kind="queue"]').count()).toBe(1)
    await first.cancel()
    await row('second').getByText('Generating').waitFor()
    await row('second').click()
    const cancelled = second.cancel()
    await row('second').getByText('cancelling · user').waitFor()
    await inspected.detail('second').getByText('since the cancel (user)').waitFor()
    await row('second').locator('.span[data-kind="cleanup"]').waitFor()
    finish()
    await cancelled
    await row('second').getByText('cancelled · user').waitFor()
    await page
      .getByRole('status')
      .getByText(/^Job second: cancelled · user, after .*, the cancel took /)
      .waitFor()
    expect(inspected.faults).toEqual([])
  })

  it('has no generated text, result, metadata or message of an error anywhere in the page', async () => {
    const inspected = await openInspected(browser())
    const { manager, page, row } = inspected
    const completed = await manager.register(
      async (run: RunContext) => {
        await run.stream(scriptedSource([SECRET]))
        return SECRET
      },
      { jobId: 'completed', owner: SECRET, metadata: { prompt: SECRET } },
    )
    const failed = await manager.register(async () => Promise.reject(new Error(SECRET)), { jobId: 'failed' })
    await Promise.all([completed.settled, failed.settled])
    for (const jobId of ['completed', 'failed']) {
      await row(jobId).click()
      await inspected.detail(jobId).waitFor()
      expect(await page.content()).not.toContain('dragon')
    }
    await row('completed').click()
    expect(await inspected.detail('completed').locator('dt:text("characters") + dd').textContent()).toBe(
      String(SECRET.length),
    )
    expect(inspected.faults).toEqual([])
  })

  it('takes ids and names of steps for text, whatever markup they hold', async () => {
    const inspected = await openInspected(browser())
    const markup = '<img src=x onerror="window.injected=true">'
    await inspected.manager.register(
      async (run: RunContext) => {
        run.step(markup)
        await run.stream(scriptedSource([{ do: 'hang' }]))
      },
      { jobId: markup },
    )
    await inspected.page.locator('.lane__row').click()
    await inspected.page.locator('.detail').getByText(markup).first().waitFor()
    expect(await inspected.page.locator('img').count()).toBe(0)
    expect(inspected.faults).toEqual([])
  })

  it('works by keyboard alone: arrows walk the jobs, Enter opens one, Escape closes it, the focus stays', async () => {
    const inspected = await openInspected(browser())
    const { manager, page, row } = inspected
    for (const jobId of ['a', 'b', 'c']) {
      await (await manager.register(async () => jobId, { jobId })).settled
      await row(jobId).waitFor()
    }
    await row('c').focus()
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label')?.split(':')[0])
    await page.keyboard.press('ArrowDown')
    expect(await focused()).toBe('Job b')
    await page.keyboard.press('End')
    expect(await focused()).toBe('Job a')
    await page.keyboard.press('Home')
    expect(await focused()).toBe('Job c')
    await page.keyboard.press('Enter')
    await inspected.detail('c').waitFor()
    expect(await row('c').getAttribute('aria-expanded')).toBe('true')
    await manager.register(reads, { jobId: 'd' })
    await row('d').waitFor()
    expect(await focused()).toBe('Job c')
    await page.keyboard.press('Escape')
    await inspected.detail('c').waitFor({ state: 'hidden' })
    expect(await focused()).toBe('Job c')
    expect(inspected.faults).toEqual([])
  })

  it('pauses when asked, says when the server is away, and keeps what it has shown', async () => {
    const inspected = await openInspected(browser())
    const { manager, page, row } = inspected
    await manager.register(reads, { jobId: 'a' })
    await row('a').waitFor()
    const pause = page.getByRole('button', { name: 'Pause' })
    await pause.click()
    expect(await pause.getAttribute('aria-pressed')).toBe('true')
    let asked = 0
    page.on('request', () => {
      asked += 1
    })
    await page.waitForTimeout(1_000)
    expect(asked).toBeLessThanOrEqual(1) // one may have been on its way
    await pause.click()
    inspected.goAway()
    await page.getByText('The server does not answer').waitFor()
    expect(await row('a').isVisible()).toBe(true)
    expect(inspected.faults).toEqual([])
  })

  it('fits a phone, in both scales', async () => {
    const inspected = await openInspected(browser(), {}, { viewport: { width: 360, height: 740 } })
    const { manager, page, row } = inspected
    const job = await manager.register(reads, { jobId: 'a-rather-long-id-0123456789-0123456789-0123456789' })
    await job.cancel()
    await row(job.jobId).click()
    await inspected.detail(job.jobId).getByText('From the request to the settle').waitFor()
    for (const scale of ['Each its own', 'One clock']) {
      await page.getByText(scale).click()
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360)
    }
    await picture(inspected, 'phone')
    expect(inspected.faults).toEqual([])
  })
})
