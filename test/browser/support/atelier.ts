import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'

const SCREENSHOTS = fileURLToPath(new URL('../screenshots/', import.meta.url))

/** Time is stopped at a moment to come; the way from here to the page must not be longer. Far below every limit of the page. */
const STOP_MARGIN_MS = 2_000

/** A person's browser with its own cookies; closed when the test is over. */
export async function newGuest(browser: Browser, options?: BrowserContextOptions): Promise<BrowserContext> {
  const context = await browser.newContext({ locale: 'fr-FR', viewport: { width: 1_100, height: 760 }, ...options })
  onTestFinished(() => context.close())
  return context
}

/** The page as a person sees it. */
export interface Atelier {
  readonly page: Page
  readonly dialog: Locator
  readonly title: Locator
  readonly text: Locator
  readonly badge: Locator
  readonly interrupt: Locator
  readonly close: Locator
  readonly generate: Locator
  readonly saved: Locator
  /** Fills in the scene and presses the button. */
  start(scene: string): Promise<void>
  /** The id in the address: of the job that a reload would resume. */
  jobId(): string | undefined
  /** Waits until the modal has this title. */
  sees(title: string): Promise<void>
  /** Waits until the modal shows this text of the model. */
  reads(text: string): Promise<void>
  /** Waits until the modal is closed. */
  closed(): Promise<void>
  /** From here on the time of the page stands still, unless the test moves it (`page.clock`). */
  stopTime(): Promise<void>
  /** How often the page has asked for this path, e.g. `POST /cancel`. */
  asked(what: string): number
  /** Keeps a picture, light and dark, among the artifacts. */
  picture(name: string): Promise<void>
  /** What the page complained about: exceptions and console errors. */
  readonly faults: string[]
}

export interface AtelierOptions {
  /** The time of the page is in the hands of the test (`page.clock`); until it says otherwise it goes on as usual. */
  readonly clock?: boolean
}

export async function openAtelier(
  context: BrowserContext,
  url: string,
  { clock = false }: AtelierOptions = {},
): Promise<Atelier> {
  const page = await context.newPage()
  if (clock) await page.clock.install()
  const requests: string[] = []
  page.on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`))
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (message) => {
    // The browser itself reports every failed request; whether they were meant to fail the test knows.
    if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text()))
      faults.push(message.text())
  })
  await page.goto(url)
  const dialog = page.getByRole('dialog')
  const generate = page.locator('form button[type=submit]')
  return {
    page,
    dialog,
    title: dialog.getByRole('heading', { level: 2 }),
    text: dialog.getByRole('region', { name: 'Texte généré' }),
    badge: page.getByRole('button', { name: 'agrandir' }),
    interrupt: dialog.getByRole('button', { name: 'Interrompre' }),
    close: dialog.getByRole('button', { name: 'Fermer' }),
    generate,
    saved: page.locator('details.saved'),
    async start(scene) {
      await page.getByLabel('Ce qui se passe').fill(scene)
      await generate.click()
    },
    jobId: () => /#job=(.+)$/.exec(page.url())?.[1],
    sees: (title) => dialog.getByRole('heading', { name: title, exact: true, level: 2 }).waitFor(),
    reads: (text) => dialog.getByText(text).first().waitFor(),
    closed: () => dialog.waitFor({ state: 'hidden' }),
    async stopTime() {
      await page.clock.pauseAt(await page.evaluate((margin) => Date.now() + margin, STOP_MARGIN_MS))
    },
    asked(what) {
      const [method = '', end = ''] = what.split(' ')
      return requests.filter((request) => request.startsWith(`${method} `) && request.endsWith(end)).length
    },
    async picture(name) {
      mkdirSync(SCREENSHOTS, { recursive: true })
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.screenshot({ path: path.join(SCREENSHOTS, `${name}-${colorScheme}.png`), animations: 'disabled' })
      }
      await page.emulateMedia({ colorScheme: null })
    },
    faults,
  }
}
