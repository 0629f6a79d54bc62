import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { newGuest, openAtelier } from './support/atelier.ts'
import { describeInChromium } from './support/chromium.ts'
import { startServer } from './support/start-server.ts'

const PROGRAM = fileURLToPath(new URL('../../examples/web/main.ts', import.meta.url))

/** React is most of it. Compressed, as it is sent. */
const PAGE_LIMIT_KB = 95

async function startExample() {
  const directory = mkdtempSync(path.join(tmpdir(), 'generation-jobs-web-'))
  const server = await startServer({ directory, program: PROGRAM })
  onTestFinished(async () => {
    await server.end('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  return server
}

describeInChromium('npm run web', (browser) => {
  it('generates a dialogue with the model in the process, saves it, and shows it again after a reload', async () => {
    const server = await startExample()
    const atelier = await openAtelier(await newGuest(browser()), server.url)
    await atelier.page.getByText('Rien encore.').waitFor()
    await atelier.picture('form')
    await atelier.page.getByLabel('Rythme du modèle').fill('300')
    await atelier.generate.click()
    await atelier.sees('Génération terminée')
    const line = await atelier.dialog.locator('.dialogue__line').textContent()
    await atelier.close.click()
    const [file = ''] = server.files()
    expect(JSON.parse(readFileSync(file, 'utf8'))[0]).toMatchObject({ id: 'START', speaker: 'Mira', line })
    await atelier.page.reload()
    await atelier.saved.first().waitFor()
    expect(await atelier.saved.count()).toBe(1)
    expect(atelier.faults).toEqual([])
  })

  it('is small: what a first visit loads stays within a limit', async () => {
    const server = await startExample()
    const { page } = await openAtelier(await newGuest(browser()), server.url)
    const loaded = await page.evaluate(() =>
      [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((entry) => {
        const { name, encodedBodySize, decodedBodySize } = entry as PerformanceResourceTiming
        return { name: new URL(name).pathname, encodedBodySize, decodedBodySize }
      }),
    )
    const sum = loaded.reduce((total, { encodedBodySize }) => total + encodedBodySize, 0)
    console.log(`Page: ${(sum / 1_000).toFixed(1)} kB compressed`, loaded)
    expect(sum).toBeLessThan(PAGE_LIMIT_KB * 1_000)
  })

  it('SHU-02: when the server is told to stop, the reader is told why, nothing is saved, and the process ends by itself', async () => {
    const server = await startExample()
    const atelier = await openAtelier(await newGuest(browser()), server.url)
    await atelier.page.getByLabel('Rythme du modèle').fill('10')
    await atelier.generate.click()
    await atelier.dialog.locator('.dialogue__line').waitFor()
    const code = await server.end('SIGTERM')
    await atelier.dialog.getByText('Génération annulée par arrêt du serveur').first().waitFor()
    expect(await atelier.title.textContent()).toBe('Génération échouée')
    expect(code).toBe(0)
    expect(server.files()).toEqual([])
  })
})
