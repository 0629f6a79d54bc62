import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exportsOf } from './support/declarations.ts'
import { readMarkdown, root, spansIn } from './support/markdown.ts'

/** A line of a walk: `[`src/core/run.ts`](../src/core/run.ts): `Run.pump`, `Run`` */
const ROOM = /^\[`(src\/[^`]+)`\]\(\.\.\/(src\/[^)]+)\): (.+)$/gm

describe.each(['docs/walk-of-a-chunk.md', 'docs/walk-of-a-cancel.md'])('%s', (path) => {
  const { text } = readMarkdown(path)
  const rooms = [...text.matchAll(ROOM)].map(([, file = '', link, names = '']) => ({
    file,
    link,
    names: spansIn(names),
  }))

  it('walks through files that exist, and names what they export', () => {
    expect(rooms.length).toBeGreaterThan(8)
    const faults = rooms.flatMap(({ file, link, names }) => {
      if (file !== link || !existsSync(root + file)) return [`${file} is not there`]
      const exported = exportsOf(file)
      return names
        .filter((name) => {
          const [base = '', member] = name.split('.')
          const members = exported.get(base)
          return !members || (member !== undefined && !members.has(member))
        })
        .map((name) => `${file} does not export ${name}`)
    })
    expect(faults).toEqual([])
  })

  it('names no source file outside of those lines', () => {
    const mentioned = text.match(/src\/[\w/-]+\.ts/g) ?? []
    expect(mentioned).toHaveLength(2 * rooms.length)
  })
})
