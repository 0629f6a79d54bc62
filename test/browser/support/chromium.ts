import { accessSync, constants } from 'node:fs'
import path from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe } from 'vitest'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
/** A quiet browser that talks to nobody but the page. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const executablePath = process.env.CHROMIUM ?? onPath()
const ADVICE = 'No Chromium on the PATH (Debian, Ubuntu: apt-get install -y chromium; or set CHROMIUM).'
if (!executablePath && process.env.CI) throw new Error(ADVICE)
if (!executablePath) console.warn(`Browser tests are skipped. ${ADVICE}`)

/** `describe` with one browser for all its tests; skipped, loudly, where there is none. */
export function describeInChromium(name: string, tests: (browser: () => Browser) => void): void {
  describe.skipIf(!executablePath)(name, () => {
    let browser: Browser | undefined
    beforeAll(async () => {
      browser = await chromium.launch({ executablePath: executablePath ?? '', args: ARGUMENTS })
    }, 60_000)
    afterAll(() => browser?.close())
    tests(() => {
      if (!browser) throw new Error('The browser did not start.')
      return browser
    })
  })
}

function onPath(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter)
  return folders.flatMap((folder) => NAMES.map((name) => path.join(folder, name))).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
