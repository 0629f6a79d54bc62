import type { Route } from 'playwright-core'
import { expect, it } from 'vitest'
import { newGuest, openAtelier } from './support/atelier.ts'
import { describeInChromium } from './support/chromium.ts'
import { expectReleased } from './support/released.ts'
import { SCENES } from './support/scenes.ts'
import { useServer } from './support/use-server.ts'

const ENDLESS = SCENES.dialogue(100_000, 10)
const CREATE = '**/generate/jobs'

describeInChromium('interrupting from the page', (browser) => {
  const server = useServer()

  it('CLI-17 UI-02: a double click sends one POST, and the button is disabled', async () => {
    await server().setFaults({ cancelHangs: true })
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    await atelier.start(ENDLESS)
    await atelier.reads('mot5 ')
    await atelier.interrupt.dblclick()
    await atelier.sees('Interruption en cours...')
    expect(await atelier.interrupt.isDisabled()).toBe(true)
    await atelier.interrupt.click({ force: true, noWaitAfter: true })
    expect(atelier.asked('POST /cancel')).toBe(1)
    await server().setFaults({})
    await atelier.sees('Génération interrompue')
    await expectReleased(server())
  })

  it('UI-08: Escape interrupts; while interrupting, and at the end, it does nothing', async () => {
    await server().setFaults({ cancelHangs: true })
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const { page, dialog } = atelier
    await atelier.start(ENDLESS)
    await atelier.reads('mot5 ')
    await dialog.getByRole('heading', { level: 2 }).click() // the focus is nowhere in particular
    await page.keyboard.press('Escape')
    await atelier.sees('Interruption en cours...')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(true)
    expect(atelier.asked('POST /cancel')).toBe(1)
    await server().setFaults({})
    await atelier.sees('Génération interrompue')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(true)
    await expectReleased(server())
  })

  it('CLI-03: an interrupt before the id is known waits for it, cancels that job and says so only then', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const before = (await server().inside()).stats.jobs.cancelled
    const held = holdRequests()
    await atelier.page.route(CREATE, held.hold)
    await atelier.start(ENDLESS)
    await atelier.dialog.getByText('Préparation...').first().waitFor()
    await atelier.interrupt.click()
    await atelier.sees('Interruption en cours...')
    expect(atelier.asked('POST /cancel')).toBe(0)

    held.letGo()
    await atelier.sees('Génération interrompue')
    expect((await server().inside()).stats.jobs.cancelled).toBe(before + 1)
    await expectReleased(server())
  })

  it('CLI-03 CLI-18: when the answer to the create is lost, the same key finds the one job, and it is cancelled', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const keys = new Set<string | undefined>()
    let attempts = 0
    const before = (await server().inside()).stats.jobs.cancelled
    await atelier.page.route(CREATE, async (route) => {
      keys.add((await route.request().allHeaders())['idempotency-key'])
      attempts += 1
      if (attempts > 1) return route.continue()
      await route.fetch() // it reaches the server
      await route.abort()
    })
    await atelier.start(ENDLESS)
    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
    expect([attempts, keys.size]).toEqual([2, 1])
    expect((await server().inside()).stats.jobs.cancelled).toBe(before + 1)
    await expectReleased(server())
  })

  it('CLI-05 CLI-06 G13: when the end and the interrupt race, the page says what the server did', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const endings: Record<string, number> = {}
    for (const moment of MOMENTS) {
      const savedBefore = server().files().length
      await atelier.start(SCENES.dialogue(120, 5))
      await atelier.page.evaluate(interruptAt, moment)
      await atelier.close.waitFor()
      const ending = (await atelier.title.textContent()) ?? ''
      const isSaved = server().files().length > savedBefore
      expect({ moment, ending, isSaved }).toEqual({
        moment,
        ending: isSaved ? 'Génération terminée' : 'Génération interrompue',
        isSaved,
      })
      endings[ending] = (endings[ending] ?? 0) + 1
      await atelier.close.click()
    }
    console.log('Endings of the race:', endings)
    expect(Object.keys(endings)).toHaveLength(2)
    await expectReleased(server())
    expect(atelier.faults).toEqual([])
  })

  it('a press on Interrompre that the end overtakes does not close: "Génération terminée" is seen', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const { mouse } = atelier.page
    await atelier.start(SCENES.dialogue(150, 10))
    const place = await atelier.interrupt.boundingBox()
    await mouse.move((place?.x ?? 0) + 30, (place?.y ?? 0) + 15)
    await mouse.down()
    await atelier.sees('Génération terminée')
    await mouse.up()
    await mouse.click((place?.x ?? 0) + 30, (place?.y ?? 0) + 15)
    expect(await atelier.dialog.isVisible()).toBe(true)
  })

  it('CLI-08: a generation started at once after an interrupt is not touched by what is left of the first', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url, { clock: true })
    await atelier.start(ENDLESS)
    await atelier.reads('mot3 ')
    const first = atelier.jobId()
    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
    await atelier.close.click()
    await atelier.generate.click()
    await atelier.sees('Génération en cours...')
    await atelier.reads('mot3 ')
    expect(atelier.jobId()).not.toBe(first)

    await atelier.page.clock.fastForward(15_000) // the auto-close and every limit of the first
    await atelier.sees('Génération en cours...')
    expect(await atelier.interrupt.isEnabled()).toBe(true)
    expect((await atelier.text.textContent())?.match(/mot3 /g)).toHaveLength(1)
    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
    expect(atelier.asked('POST /cancel')).toBe(2)
    await expectReleased(server())
  })

  it('G3 CLI-14: a source that heeds nothing and a server that froze: the person is free at the limit, the job is cancelled after', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url, { clock: true })
    await atelier.start(SCENES.deaf)
    await atelier.reads('Un deux')
    const jobId = atelier.jobId()
    server().freeze()
    try {
      await atelier.interrupt.click()
      await atelier.sees('Interruption en cours...')
      await atelier.page.clock.fastForward(10_000)
      await atelier.sees('Interruption terminée')
    } finally {
      server().thaw()
    }
    await expect.poll(() => cancelLine(jobId), { timeout: 20_000 }).toMatchObject({ reason: 'user', forced: true })
    expect(
      server()
        .files()
        .filter((file) => file.includes(jobId ?? '?')),
    ).toEqual([])
  })

  function cancelLine(jobId: string | undefined) {
    return server()
      .log()
      .find(({ event, job_id }) => event === 'job.cancelled' && job_id === jobId)
  }
})

/** What must be on the page when the interrupt comes: earlier, close to the last word, and in every step after it. */
const MOMENTS = ['mot20 ', 'mot100 ', 'mot115 ', 'mot118 ', 'mot119 ', 'Partir', 'Rester', 'Validating', 'Committing']

/** In the page: presses Interrompre in the very task in which the moment is rendered, or just before the end. */
function interruptAt(moment: string): Promise<void> {
  return new Promise((resolve) => {
    const observer = new MutationObserver(look)
    observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true })
    look()
    function look(): void {
      const isThere =
        document.querySelector('dialog article')?.textContent?.includes(moment) ||
        document.querySelector(`[data-step="${moment}"]:not([data-status="waiting"])`)
      const isOver = document.querySelector('dialog .button--primary')
      if (!isThere && !isOver) return
      observer.disconnect()
      document.querySelector<HTMLButtonElement>('dialog .button--stop')?.click()
      resolve()
    }
  })
}

/** Keeps requests back until it is told to let them go. */
function holdRequests() {
  let letGo = (): void => {}
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  return { letGo: () => letGo(), hold: (route: Route) => gate.then(() => route.continue()) }
}
