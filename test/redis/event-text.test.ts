import fc from 'fast-check'
import type { JobEvent } from 'generation-jobs'
import { describe, expect, it } from 'vitest'
import { BLOCK, decodeEvents, encodeEvents } from '../../src/redis/event-text.js'
import { jobEvents } from './support/job-events.js'

const CREATED_AT = 1_767_225_600_000
const ALL = { after: 0, limit: 10_000 }

/** The blocks of a log after these batches, as the scripts write them. */
function blocksOf(batches: readonly (readonly JobEvent[])[]): string[] {
  const blocks: string[] = []
  let count = 0
  for (const events of batches) {
    const parts = encodeEvents(events)
    for (let index = 0; index < parts.length; index += 2) {
      const rest = `${Number(parts[index]) - CREATED_AT}@${parts[index + 1]}`
      if (index === 0 && count % BLOCK > 0) blocks.push(blocks.pop() + rest)
      else blocks.push(rest)
    }
    count += events.length
  }
  return blocks
}

const batches = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }).chain((sizes) => {
  const count = sizes.reduce((sum, size) => sum + size)
  return jobEvents(CREATED_AT, { minLength: count, maxLength: count }).map((events) => {
    let first = 0
    return sizes.map((size) => {
      first += size
      return events.slice(first - size, first)
    })
  })
})

const chunks = (contents: readonly string[]): JobEvent[] =>
  contents.map((content, index) => ({ seq: index + 1, at: CREATED_AT, type: 'chunk', content }))

describe('the text of events in Redis', () => {
  it('G10: events come back as they were, from every cursor, however they were batched', () => {
    fc.assert(
      fc.property(batches, fc.nat(40), fc.integer({ min: 1, max: 40 }), (batches, after, limit) => {
        const events = batches.flat()
        const blocks = blocksOf(batches)
        expect(blocks).toHaveLength(Math.ceil(events.length / BLOCK))
        expect(decodeEvents(blocks, CREATED_AT, 0, ALL)).toEqual(events)
        const first = Math.floor(after / BLOCK)
        const page = decodeEvents(blocks.slice(first), CREATED_AT, first * BLOCK, { after, limit })
        expect(page).toEqual(events.slice(after, after + limit))
      }),
    )
  })

  it('G10: events that are lost are told where they are asked for, and nowhere else', () => {
    const events = chunks(Array.from({ length: 2 * BLOCK }, (_, index) => `${index}`))
    const [first = '', second = ''] = blocksOf([events.slice(0, BLOCK), events.slice(BLOCK)])
    const [, rest] = encodeEvents(events.slice(BLOCK + 3))
    const partly = [first, `3!0@${rest}`]
    for (const after of [0, 1, BLOCK, BLOCK + 2]) {
      expect(decodeEvents(partly, CREATED_AT, 0, { after, limit: 99 }), `${after}`).toBeUndefined()
    }
    expect(decodeEvents(partly, CREATED_AT, 0, { after: BLOCK + 3, limit: 99 })).toEqual(events.slice(BLOCK + 3))
    expect(decodeEvents(partly, CREATED_AT, 0, { after: 0, limit: BLOCK })).toEqual(events.slice(0, BLOCK))
    expect(decodeEvents(['', second], CREATED_AT, 0, ALL)).toBeUndefined()
    expect(decodeEvents(['', second], CREATED_AT, 0, { after: BLOCK, limit: 99 })).toBeUndefined()
  })

  it('G10: a block that was cut shows no event that was not there, and never stands before another', () => {
    const events = chunks([
      '',
      '1',
      '12:ab',
      '3!',
      '5@x',
      '-7+',
      '🙂',
      '\ud83d',
      'é\n',
      '0',
      '=',
      'a',
      'b',
      'c',
      'd',
      'e',
    ])
    const [block = ''] = blocksOf([events])
    for (let length = 0; length < block.length; length++) {
      const cut = block.slice(0, length)
      const seen = decodeEvents([cut], CREATED_AT, 0, ALL)
      if (seen) expect(seen, cut).toEqual(events.slice(0, seen.length))
      expect(decodeEvents([cut, block], CREATED_AT, 0, ALL), cut).toBeUndefined()
    }
    expect(decodeEvents([block + block.slice(2), block], CREATED_AT, 0, ALL)).toBeUndefined()
  })

  it.each([
    'x',
    '7',
    '-',
    '1;a',
    '2:a',
    '-1:a',
    '-9:',
    '1e3:a',
    '9'.repeat(400),
    `${'9'.repeat(400)}:a`,
    '3=abc',
    '1=',
  ])('G10: a block of nonsense, %j, is one that is lost', (block) => {
    expect(decodeEvents([block], CREATED_AT, 0, ALL)).toBeUndefined()
  })
})
