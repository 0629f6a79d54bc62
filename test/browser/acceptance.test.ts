import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { newGuest, openAtelier } from './support/atelier.ts'
import { describeInChromium } from './support/chromium.ts'
import { expectReleased } from './support/released.ts'
import { SCENES } from './support/scenes.ts'
import { type Smoothness, startMeasuring } from './support/smoothness.ts'
import { useServer } from './support/use-server.ts'

const ENDLESS = SCENES.dialogue(100_000, 10)

describeInChromium('the acceptance criteria of the story', (browser) => {
  const server = useServer()

  it('AC1 UI-02 UI-03: Interrompre posts the cancel, the stream stops, "Génération interrompue" shows and the modal closes', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url, { clock: true })
    const { page, interrupt, text } = atelier
    await atelier.start(ENDLESS)
    await atelier.sees('Génération en cours...')
    await atelier.reads('mot20 ')
    await atelier.picture('running')
    await atelier.stopTime()

    await interrupt.click()
    await atelier.sees('Génération interrompue')
    expect(atelier.asked('POST /cancel')).toBe(1)
    const shown = await text.textContent()
    await expectReleased(server())
    expect(await text.textContent()).toBe(shown)
    await atelier.picture('interrupted')

    await page.clock.runFor(2_999)
    expect(await atelier.dialog.isVisible()).toBe(true)
    await page.clock.runFor(1)
    await atelier.closed()
    expect(atelier.faults).toEqual([])
  })

  it('AC2: after an interrupt everything is released, nothing is saved, and the log has its line', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    await atelier.start(ENDLESS)
    await atelier.reads('mot5 ')
    expect(await server().inside()).toMatchObject({ openCalls: 1, stats: { viewers: 1, jobs: { running: 1 } } })
    const jobId = atelier.jobId()

    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
    await expectReleased(server())

    expect(server().files()).toEqual([])
    expect(await atelier.saved.count()).toBe(0)
    const line = server()
      .log()
      .find(({ event, job_id }) => event === 'job.cancelled' && job_id === jobId)
    expect(line?.msg).toMatch(
      new RegExp(`^Génération annulée par utilisateur - job_id: ${jobId}, durée: \\d+\\.\\d\\ds, étape: Generating$`),
    )
    expect(line).toMatchObject({ reason: 'user', step: 'Generating', forced: false, status: 'cancelled' })
  })

  it('AC3 UI-04: a server that never answers the cancel: a live page, then at the limit "Interruption terminée"', async () => {
    await server().setFaults({ cancelHangs: true })
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    await atelier.start(ENDLESS)
    await atelier.reads('mot20 ')
    const measured = await startMeasuring(atelier.page)

    await atelier.interrupt.click()
    await atelier.sees('Interruption en cours...')
    expect(await atelier.interrupt.isDisabled()).toBe(true)
    // Alive: the modal can be reduced, the form behind it used, and the modal brought back.
    await atelier.dialog.getByRole('button', { name: 'Réduire' }).click()
    await atelier.page.getByLabel('Personnages').fill('Nora')
    await atelier.badge.click()
    await atelier.sees('Interruption en cours...')
    await atelier.picture('interrupting')
    await atelier.sees('Interruption terminée')
    const smoothness = await measured()
    expect(await atelier.dialog.getAttribute('data-tone')).toBe('warning')
    await atelier.picture('forced')
    await atelier.closed()

    report(smoothness)
    expect(smoothness.waitedMs).toBeGreaterThan(9_000)
    expect(smoothness.longestTaskMs).toBeLessThan(1_000)
    await server().setFaults({})
    // The cancel goes on without the person, and reaches the server once it answers again.
    await expectReleased(server())
    expect(server().files()).toEqual([])
  })

  it('AC4 UI-05: a success says "Génération terminée", closes by itself after 3 s, and everything is released', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url, { clock: true })
    const { page } = atelier
    await atelier.start(SCENES.dialogue(60, 10))
    await atelier.reads('mot3 ')
    await atelier.stopTime()
    await atelier.sees('Génération terminée')
    await atelier.close.waitFor()
    await atelier.picture('completed')
    await page.clock.runFor(2_999)
    expect(await atelier.dialog.isVisible()).toBe(true)
    await page.clock.runFor(1)
    await atelier.closed()

    await expectReleased(server())
    await atelier.saved.first().click()
    await atelier.saved.getByText('Raison+Rhétorique:8').waitFor()
    await atelier.picture('saved')
    const [file = ''] = server().files()
    expect(server().files()).toHaveLength(1)
    expect(JSON.parse(readFileSync(file, 'utf8'))[0].line).toMatch(/^mot0 mot1 .*mot59 $/)
    expect(
      server()
        .log()
        .map(({ msg }) => msg),
    ).toContainEqual(expect.stringMatching(/^Génération terminée, cleanup automatique - job_id: /))
    expect(atelier.faults).toEqual([])
  })
})

function report({ waitedMs, longestTaskMs, longestFrameGapMs, frames }: Smoothness): void {
  console.log(
    `While the interrupt waited (${Math.round(waitedMs)} ms): longest task ${Math.round(longestTaskMs)} ms, ` +
      `${frames} frames, longest gap between two ${Math.round(longestFrameGapMs)} ms`,
  )
}
