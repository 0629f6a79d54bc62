import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, inject, test } from 'vitest'
import { parseSource } from '../frame/source-files.ts'

const dist = fileURLToPath(new URL('../../dist/', import.meta.url))

/** What a browser loads with this file; what is imported only when it is called does not count. */
function loadedWith(file: string, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(file)) return seen
  const text = readFileSync(`${dist}${file}`, 'utf8').replace(/\bimport\(/g, 'later(')
  const from = parseSource(file, text).imports.map((one) => one.from)
  seen.set(file, from)
  for (const one of from) if (one.startsWith('./')) loadedWith(one.slice(2), seen)
  return seen
}

describe.skipIf(inject('buildExitCode') !== 0)('the testing entry', () => {
  test('loads nothing of Node and no logger, so that it works in a browser', () => {
    const loaded = [...loadedWith('testing.js').values()].flat()
    expect(loaded.filter((one) => one.startsWith('node:') || one === 'pino')).toEqual([])
  })

  test('the same look finds what the root entry loads', () => {
    expect([...loadedWith('index.js').values()].flat()).toContain('node:async_hooks')
  })
})
