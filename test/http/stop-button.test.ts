import { readFileSync } from 'node:fs'
import { expect, it, onTestFinished, vi } from 'vitest'
import { startExample, stop } from './support/framework-examples.js'
import { until } from './support/timers-clock.js'

const EXAMPLES = '../../examples/frameworks'

/** All that the ten lines touch of an element. */
const button = () => ({ textContent: '', disabled: false, onclick() {} })

function linesOfCode(file: string): string[] {
  const text = readFileSync(new URL(`${EXAMPLES}/${file}`, import.meta.url), 'utf8')
  return text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('//'))
}

it('CLI-01: SSE-09: the ten-minute Stop button starts, shows the story as it comes, and stops', async () => {
  const running = await startExample('express')
  const page = { start: button(), stop: button(), story: button() }
  const { fetch } = globalThis
  vi.stubGlobal('document', { getElementById: (id: keyof typeof page) => page[id] })
  vi.stubGlobal('fetch', (url: string, init?: RequestInit) => fetch(new URL(url, running.url), init))
  onTestFinished(async () => {
    vi.unstubAllGlobals()
    await stop(running)
  })
  await import(`${EXAMPLES}/stop-button.ts`)
  page.start.onclick()
  await until(() => page.story.textContent.includes('Once upon a time'))
  expect(page.stop.disabled).toBe(false)
  page.stop.onclick()
  await until(() => page.story.textContent.endsWith('Génération interrompue'))
  expect(page.stop.disabled).toBe(true)
  await until(() => running.manager.stats().viewers === 0)
  expect(running.manager.stats().jobs).toMatchObject({ running: 0, cancelling: 0, cancelled: 1 })
}, 60_000)

it('it is as short as it says: 25 lines on the server, with run.stream and run.commit, and 10 in the browser', () => {
  const server = linesOfCode('express.ts')
  expect(server.length).toBeLessThanOrEqual(25)
  expect(server.join('\n')).toMatch(/run\.stream[\s\S]*run\.commit/)
  expect(linesOfCode('stop-button.ts').length).toBeLessThanOrEqual(10)
})
