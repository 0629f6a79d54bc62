import { createServer } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { newGuest, openAtelier } from './support/atelier.ts'
import { describeInChromium } from './support/chromium.ts'
import { MARKUP, SCENES } from './support/scenes.ts'
import { useServer } from './support/use-server.ts'

const ENDLESS = SCENES.dialogue(100_000, 10)

describeInChromium('a page that trusts nobody', (browser) => {
  const server = useServer()

  it('UI-10: markup that a model writes is text, while it is written and when it was saved', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    await atelier.start(SCENES.markup)
    await atelier.sees('Génération terminée')
    expect(await atelier.dialog.locator('.dialogue__line').textContent()).toBe(MARKUP)
    await atelier.picture('markup')
    await atelier.close.click()
    await atelier.saved.first().click()
    await atelier.saved.getByText('Partir').waitFor()
    expect(await atelier.page.evaluate(() => 'injected' in window)).toBe(false)
    expect(await atelier.page.locator('#root img, #root script').count()).toBe(0)
    expect(atelier.faults).toEqual([])
  })

  it('the page forbids itself scripts that it did not bring', async () => {
    const atelier = await openAtelier(await newGuest(browser()), server().url)
    const ran = await atelier.page.evaluate(async () => {
      const script = document.createElement('script')
      script.textContent = 'window.injected = true'
      document.body.append(script)
      document.body.insertAdjacentHTML('beforeend', '<img src="x:" onerror="window.injected = true">')
      await new Promise((resolve) => setTimeout(resolve, 200))
      return 'injected' in window
    })
    expect(ran).toBe(false)
  })

  it('SEC-01: the session is out of reach of scripts and of the requests of other sites', async () => {
    const guest = await newGuest(browser())
    const atelier = await openAtelier(guest, server().url)
    expect(await guest.cookies()).toMatchObject([{ httpOnly: true, sameSite: 'Lax', path: '/' }])
    expect(await atelier.page.evaluate(() => document.cookie)).toBe('')
  })

  it('SEC-01: a stranger with the address of the job is told that there is none', async () => {
    const owner = await openAtelier(await newGuest(browser()), server().url)
    await owner.start(ENDLESS)
    await owner.reads('mot5 ')
    const stranger = await openAtelier(await newGuest(browser()), server().url)
    await stranger.page.goto(owner.page.url())
    await stranger.sees('Génération échouée')
    await stranger.dialog.getByText('Génération introuvable').first().waitFor()
    expect(await stranger.text.textContent()).toBe('')
    await owner.sees('Génération en cours...')
    await owner.interrupt.click()
    await owner.sees('Génération interrompue')
  })

  it('SEC-01: saved dialogues are listed to their own guest only', async () => {
    const owner = await openAtelier(await newGuest(browser()), server().url)
    await owner.start(SCENES.dialogue(5, 5))
    await owner.sees('Génération terminée')
    await owner.saved.first().waitFor({ state: 'attached' })
    const stranger = await openAtelier(await newGuest(browser()), server().url)
    await stranger.page.getByText('Rien encore.').waitFor()
    expect(await stranger.saved.count()).toBe(0)
    expect((await fetch(`${server().url}/api/v1/dialogues`)).status).toBe(401)
  })

  it.each(['127.0.0.1', 'localhost'])(
    'a page at another origin (%s) cannot cancel with the cookies of the guest',
    async (host) => {
      const guest = await newGuest(browser())
      const atelier = await openAtelier(guest, server().url)
      await atelier.start(ENDLESS)
      await atelier.reads('mot5 ')
      const cancel = `${server().url}/api/v1/dialogues/generate/jobs/${atelier.jobId()}/cancel`

      const strange = await guest.newPage()
      await strange.goto(await servePage(host))
      // A simple request: the browser sends it without asking, and from the same host with the cookie.
      await strange.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include' }), cancel)

      const { requests } = await server().inside()
      expect(requests.filter((request) => request.includes(`${atelier.jobId()}/cancel`))).toEqual([
        expect.stringMatching(/ → 403$/),
      ])
      await atelier.sees('Génération en cours...')
      await atelier.interrupt.click()
      await atelier.sees('Génération interrompue')
    },
  )
})

/** A page of somebody else. */
async function servePage(host: string): Promise<string> {
  const server = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>Bonjour'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (typeof address !== 'object' || !address) throw new Error('no address')
  return `http://${host}:${address.port}/`
}
