import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import react from '@vitejs/plugin-react'
import { build } from 'vite'

/** One file of the page, as it is sent. */
export interface PageFile {
  readonly contentType: string
  readonly content: Uint8Array<ArrayBuffer>
  readonly gzipped: Uint8Array<ArrayBuffer>
  /** Its name changes with its content, so that a browser may keep it for ever. */
  readonly isHashed: boolean
}

/** The files by their path. */
export type BuiltPage = ReadonlyMap<string, PageFile>

const CONTENT_TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
}

/**
 * Builds the React page whose `index.html` is in `folder` into memory: it takes about a second, and no folder of an older build can
 * be in the way.
 */
export async function buildPage(folder: URL): Promise<BuiltPage> {
  const result = await build({
    root: fileURLToPath(folder),
    plugins: [react()],
    build: { target: 'es2022', modulePreload: { polyfill: false }, write: false },
    logLevel: 'warn',
    configFile: false,
  })
  const outputs = Array.isArray(result) ? result : [result]
  const files = outputs.flatMap((output) => ('output' in output ? output.output : []))
  return new Map(
    files.map((file) => {
      const content = Uint8Array.from(Buffer.from(file.type === 'chunk' ? file.code : file.source))
      const contentType = CONTENT_TYPES[file.fileName.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
      const gzipped = Uint8Array.from(gzipSync(content))
      return [`/${file.fileName}`, { contentType, content, gzipped, isHashed: file.fileName.startsWith('assets/') }]
    }),
  )
}
