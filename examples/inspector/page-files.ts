import { readFile } from 'node:fs/promises'

const TYPES = { html: 'text/html', css: 'text/css', js: 'text/javascript' } as const

/** The page as it stands in `page/`: the browser runs it unbuilt. */
const FILES: ReadonlyMap<string, keyof typeof TYPES> = new Map([
  ['index.html', 'html'],
  ['base.css', 'css'],
  ['spans.css', 'css'],
  ['head.css', 'css'],
  ['lanes.css', 'css'],
  ['detail.css', 'css'],
  ['main.js', 'js'],
  ['lanes.js', 'js'],
  ['detail.js', 'js'],
  ['drawing.js', 'js'],
  ['words.js', 'js'],
])

/** Nothing but the page's own files runs or is loaded, and nobody keeps or frames what it shows. */
export const PAGE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const

/** A file of the page, the HTML for the empty path; `undefined` for any other path. */
export async function readPage(path: string): Promise<Response | undefined> {
  const name = path === '' ? 'index.html' : path
  const type = FILES.get(name)
  if (!type) return undefined
  const content = await readFile(new URL(`./page/${name}`, import.meta.url))
  return new Response(content, { headers: { ...PAGE_HEADERS, 'content-type': `${TYPES[type]}; charset=utf-8` } })
}
