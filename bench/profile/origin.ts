import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A place in what was written by people: the file below the repository, and the line from 1. */
export interface Origin {
  readonly file: string
  readonly line: number
}

export interface Place {
  readonly url: string
  /** From 0, as V8 counts. */
  readonly lineNumber: number
  readonly columnNumber: number
}

/** Where a place of the running code comes from, through its source map when it was built; `undefined` when it has no file. */
export function originOf({ url, lineNumber, columnNumber }: Place): Origin | undefined {
  if (!url.startsWith('file:')) return undefined
  const entry = sourceMapOf(url)?.findEntry(lineNumber, columnNumber)
  if (!entry || !('originalSource' in entry)) return { file: inRepository(url), line: lineNumber + 1 }
  return { file: inRepository(new URL(entry.originalSource, url).href), line: entry.originalLine + 1 }
}

function inRepository(url: string): string {
  return relative(root, fileURLToPath(url)).replaceAll('\\', '/')
}

const sourceMaps = new Map<string, SourceMap | undefined>()

function sourceMapOf(url: string): SourceMap | undefined {
  if (!sourceMaps.has(url)) {
    const path = `${fileURLToPath(url)}.map`
    sourceMaps.set(url, existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, 'utf8'))) : undefined)
  }
  return sourceMaps.get(url)
}
