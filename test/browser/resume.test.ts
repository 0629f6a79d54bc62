import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { type Atelier, newGuest, openAtelier } from './support/atelier.ts'
import { describeInChromium } from './support/chromium.ts'
import { expectReleased } from './support/released.ts'
import { SCENES } from './support/scenes.ts'
import { freePort, startServer } from './support/start-server.ts'
import { useServer } from './support/use-server.ts'

describeInChromium('coming back to a generation', (browser) => {
  const server = useServer()

  /** The line that was saved, which is what the model wrote. */
  function savedLine(jobId: string | undefined): string {
    const file = server()
      .files()
      .find((name) => name.endsWith(`${jobId}.json`))
    return JSON.parse(readFileSync(file ?? '', 'utf8'))[0].line
  }

  const shownLine = ({ dialog }: Atelier) => dialog.locator('.dialogue__line').textContent()

  it('CLI-02 CLI-09: a reload in mid-generation resumes it: the text is identical and there is no second job', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url, { clock: true })
    await atelier.start(SCENES.dialogue(200, 15))
    await atelier.reads('mot20 ')
    const jobId = atelier.jobId()
    await atelier.page.reload()
    await atelier.reads('mot20 ')
    await atelier.stopTime() // it stays open at the end
    await atelier.sees('Génération terminée')
    expect(await shownLine(atelier)).toBe(savedLine(jobId))
    expect(atelier.asked('POST /jobs')).toBe(1)
    expect(atelier.jobId()).toBeUndefined()
    await expectReleased(server())
    expect(atelier.faults).toEqual([])
  })

  it('CLI-16: a second tab follows the same job, and sees the interrupt of the first', async () => {
    const guest = await newGuest(browser())
    const first = await openAtelier(guest, server().url)
    await first.start(SCENES.deaf)
    await first.reads('Un deux trois')
    const second = await openAtelier(guest, first.page.url())
    await second.reads('Un deux trois')
    expect((await server().inside()).stats.viewers).toBe(2)

    const secondSees = second.sees('Interruption en cours...')
    await first.interrupt.click()
    await secondSees
    expect(await second.interrupt.isDisabled()).toBe(true)
    await Promise.all([first.sees('Génération interrompue'), second.sees('Génération interrompue')])
    expect([first.asked('POST /cancel'), second.asked('POST /cancel')]).toEqual([1, 0])
    expect(second.asked('POST /jobs')).toBe(0)
  })

  it('CLI-02: the second tab can interrupt as well', async () => {
    const guest = await newGuest(browser())
    const first = await openAtelier(guest, server().url)
    await first.start(SCENES.dialogue(100_000, 10))
    await first.reads('mot5 ')
    const second = await openAtelier(guest, first.page.url())
    await second.reads('mot5 ')
    await second.interrupt.click()
    await Promise.all([first.sees('Génération interrompue'), second.sees('Génération interrompue')])
  })

  it('CLI-09: offline and online again: the text goes on where it stopped', async () => {
    const guest = await newGuest(browser())
    const atelier = await openAtelier(guest, server().url)
    await atelier.start(SCENES.dialogue(300, 15))
    await atelier.reads('mot10 ')
    const jobId = atelier.jobId()
    await guest.setOffline(true)
    await atelier.page.waitForTimeout(1_000)
    expect(await atelier.title.textContent()).toBe('Génération en cours...')
    await guest.setOffline(false)
    await atelier.sees('Génération terminée')
    expect(await shownLine(atelier)).toBe(savedLine(jobId))
    expect(atelier.asked('POST /jobs')).toBe(1)
  })

  it('CLI-09 CLI-12: a server that restarts has lost the job: the page says so and is free again', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'generation-jobs-web-'))
    const port = await freePort()
    const before = await startServer({ directory, port })
    const atelier = await openAtelier(await newGuest(browser()), before.url)
    await atelier.start(SCENES.dialogue(100_000, 10))
    await atelier.reads('mot20 ')
    await before.end('SIGKILL')
    const after = await startServer({ directory, port })
    onTestFinished(async () => {
      await after.end('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    })

    await atelier.sees('Génération échouée')
    await atelier.dialog.getByText('Génération introuvable').first().waitFor()
    expect(await atelier.dialog.getAttribute('data-tone')).toBe('error')
    expect(await atelier.text.textContent()).toContain('mot20 ') // what was on the screen stays
    await atelier.picture('failed')
    expect(after.files()).toEqual([])

    await atelier.close.click()
    await atelier.start(SCENES.dialogue(5, 5))
    await atelier.sees('Génération terminée')
  })
})
