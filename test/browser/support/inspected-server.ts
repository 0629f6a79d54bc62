import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { GenerationJobManager, type GenerationJobManagerOptions } from 'generation-jobs'
import { toNodeHandler } from 'generation-jobs/node'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { createInspector } from '../../../examples/inspector/inspector.ts'

export interface Inspected {
  readonly manager: GenerationJobManager
  readonly page: Page
  /** The row of a job. */
  row(jobId: string): Locator
  /** The opened detail of a job. */
  detail(jobId: string): Locator
  /** The milliseconds in the last column of the detail's table, by the name of their phase. */
  phases(jobId: string): Promise<{ name: string; ms: number }[]>
  /** Exceptions and console errors. */
  readonly faults: string[]
  /** Stops answering, as a server that went away. */
  goAway(): void
}

/** A manager, an inspector beside it on a real port, and the page in a real browser. */
export async function openInspected(
  browser: Browser,
  options: GenerationJobManagerOptions = {},
  contextOptions?: BrowserContextOptions,
): Promise<Inspected> {
  const manager = new GenerationJobManager({ logger: false, ...options })
  const inspector = createInspector({ manager, allow: () => true })
  const server = createServer(toNodeHandler(inspector)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const goAway = (): void => {
    server.close()
    server.closeAllConnections()
  }
  const context = await browser.newContext({ viewport: { width: 1_240, height: 860 }, ...contextOptions })
  onTestFinished(async () => {
    await context.close()
    goAway()
    await manager.close()
  })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('net::ERR_CONNECTION')) faults.push(message.text())
  })
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/inspector`)
  const detail = (jobId: string): Locator => page.getByRole('region', { name: `Job ${jobId}` })
  return {
    manager,
    page,
    row: (jobId) => page.getByRole('button', { name: new RegExp(`^Job ${jobId}:`) }),
    detail,
    async phases(jobId) {
      const rows = await detail(jobId).locator('tbody tr:has(td)').all()
      return Promise.all(
        rows.map(async (row) => ({
          name: (await row.locator('th').textContent()) ?? '',
          ms: Number((await row.locator('td.ms').textContent())?.replaceAll('\u202f', '')),
        })),
      )
    },
    faults,
    goAway,
  }
}
