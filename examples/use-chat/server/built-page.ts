import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import type { BuiltPage } from '../../web/server/built-page.ts'
import config from '../vite.config.ts'

const CONTENT_TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
}

/** Builds the page into memory, as the web example does. */
export async function buildPage(): Promise<BuiltPage> {
  const result = await build({ ...config, configFile: false, build: { ...config.build, write: false } })
  const files = (Array.isArray(result) ? result : [result]).flatMap((output) =>
    'output' in output ? output.output : [],
  )
  return new Map(
    files.map((file) => {
      const content = Uint8Array.from(Buffer.from(file.type === 'chunk' ? file.code : file.source))
      const contentType = CONTENT_TYPES[file.fileName.split('.').at(-1) ?? ''] ?? 'application/octet-stream'
      const gzipped = Uint8Array.from(gzipSync(content))
      return [`/${file.fileName}`, { contentType, content, gzipped, isHashed: file.fileName.startsWith('assets/') }]
    }),
  )
}
