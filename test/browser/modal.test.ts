import { expect, it } from 'vitest'
import { newGuest, openAtelier } from './support/atelier.ts'
import { describeInChromium } from './support/chromium.ts'
import { SCENES } from './support/scenes.ts'
import { useServer } from './support/use-server.ts'

const LONG = SCENES.dialogue(100_000, 10)

describeInChromium('the progress modal', (browser) => {
  const server = useServer()

  it('is a modal dialog with a name, keeps the focus inside, announces its state and gives the focus back', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const { page, dialog } = atelier
    await atelier.start(LONG)
    await atelier.reads('mot3 ')
    expect(await dialog.getAttribute('aria-labelledby')).toBe('progress-title')
    expect(await dialog.evaluate((element) => element.matches(':modal'))).toBe(true)
    // Not on a button: the Enter that submitted the form must not interrupt.
    expect(await dialog.evaluate((element) => element === document.activeElement)).toBe(true)
    const reached = new Set<string>()
    for (let press = 0; press < 12; press += 1) {
      await page.keyboard.press('Tab')
      reached.add(await page.evaluate(() => (document.activeElement?.closest('dialog, body') ?? document.body).tagName))
      expect(await page.evaluate(() => document.activeElement?.closest('main') === null)).toBe(true)
    }
    expect(reached).toContain('DIALOG')
    expect(await dialog.getByRole('status').textContent()).toBe('Génération en cours...')
    expect(await dialog.locator('[aria-current=step]').textContent()).toBe('Écriture')

    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
    expect(await dialog.getByRole('status').textContent()).toBe('Génération interrompue')
    // Fermer is not where Interrompre was, and does not take its focus: a press that comes too late does not close.
    expect(await dialog.evaluate((element) => element === document.activeElement)).toBe(true)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await atelier.closed()
    expect(await page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('submit')
  })

  it('UI-07: Réduire shows the badge, and the modal comes back with its state', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const { dialog, badge, page } = atelier
    await atelier.start(LONG)
    await atelier.reads('mot5 ')
    await dialog.getByRole('button', { name: 'Réduire' }).click()
    await atelier.closed()
    expect(await badge.textContent()).toBe('Écriture')
    await page.keyboard.press('Escape') // reduced: it is no longer the modal's
    await atelier.picture('reduced')
    await page.keyboard.press('Enter') // the badge has the focus
    await atelier.reads('mot5 ')
    await dialog.getByRole('button', { name: 'Réduire' }).click()
    await badge.click()
    await atelier.sees('Génération en cours...')
    await atelier.reads('mot5 ')
    expect(atelier.asked('POST /cancel')).toBe(0)
    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
  })

  it('UI-05: a generation that ends reduced waits to be looked at', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url, { clock: true })
    await atelier.start(SCENES.dialogue(300, 10))
    await atelier.dialog.getByRole('button', { name: 'Réduire' }).click()
    await atelier.badge.getByText('Génération terminée').waitFor()
    await atelier.page.clock.fastForward(10_000)
    await atelier.badge.click()
    await atelier.sees('Génération terminée')
    await atelier.close.click()
    await atelier.closed()
    expect(await atelier.badge.count()).toBe(0)
    expect(await atelier.saved.count()).toBe(1)
  })

  it('G13: an interrupt that comes too late says so, cannot be repeated, and the generation is followed to its end', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const answer = { outcome: 'too-late', status: 'committing' }
    await atelier.page.route('**/cancel', (route) => route.fulfill({ json: answer }))
    await atelier.start(SCENES.dialogue(200, 10))
    await atelier.reads('mot5 ')
    await atelier.interrupt.click()
    await atelier.dialog.getByText('Trop tard pour interrompre').first().waitFor()
    expect(await atelier.title.textContent()).toBe('Génération en cours...')
    expect(await atelier.interrupt.isDisabled()).toBe(true)
    await atelier.picture('too-late')
    await atelier.sees('Génération terminée')
    expect(await atelier.text.textContent()).toContain('mot199 ')
  })

  it('UI-06 UI-10: text that is no dialogue is shown as it is, and the failure beside it', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    await atelier.start(SCENES.prose)
    await atelier.sees('Génération échouée')
    await atelier.dialog.getByText('Le résultat de la génération est invalide').first().waitFor()
    expect(await atelier.text.textContent()).toBe('Il était une fois, sans accolade.')
    await atelier.picture('invalid')
  })

  it('fits a small phone, and holds still for who asked for that', async () => {
    const guest = await newGuest(browser(), { viewport: { width: 320, height: 640 }, reducedMotion: 'reduce' })
    const atelier = await openAtelier(guest, server().url)
    const width = () => atelier.page.evaluate(() => document.documentElement.scrollWidth)
    expect(await width()).toBe(320)
    await atelier.picture('phone-form')
    await atelier.start(LONG)
    await atelier.reads('mot40 ')
    expect(await width()).toBe(320)
    const box = await atelier.interrupt.boundingBox()
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(640)
    const moving = await atelier.page.evaluate(
      () =>
        document.getAnimations().filter(({ effect }) => Number(effect?.getComputedTiming().duration ?? 0) > 10).length,
    )
    expect(moving).toBe(0)
    await atelier.picture('phone-running')
    await atelier.interrupt.click()
    await atelier.sees('Génération interrompue')
  })
})
