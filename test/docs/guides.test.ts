import { readdirSync, readFileSync } from 'node:fs'
import { GenerationJobManager, isGenerationJobError } from 'generation-jobs'
import { createRedisJobStore } from 'generation-jobs/redis'
import { describe, expect, it } from 'vitest'
import { resolveManagerOptions } from '../../src/core/check-options.js'
import { CANCEL_KINDS, ERROR_CODES, MESSAGES } from '../../src/protocol/index.js'
import { readMarkdown, root, spansIn } from './support/markdown.ts'

describe('docs/cancellation.md', () => {
  const guide = readMarkdown('docs/cancellation.md')

  it('names every kind of cancel', () => {
    const kinds = guide.tableBelow('# Cancellation explained').map(({ kind = '' }) => spansIn(kind)[0])
    expect(kinds.toSorted()).toEqual([...CANCEL_KINDS].toSorted())
  })

  it('shows the words that a person reads', () => {
    const rows = guide.tableBelow('## What the person reads')
    const words = ({ fr, en }: typeof MESSAGES) =>
      (['interrupting', 'interrupted', 'interruptForced', 'tooLate', 'completed'] as const).map((key) => [
        fr[key],
        en[key],
      ])
    expect(rows.map((row) => [row['French (default)'], row.English])).toEqual(words(MESSAGES))
  })
})

it('docs/commit-and-databases.md shows in its program the fenced write that test/postgres runs', () => {
  const { blocks } = readMarkdown('docs/commit-and-databases.md')
  const [fencedWrite = ''] = blocks.filter(({ language }) => language === 'sql').map(({ text }) => text)
  const words = (text: string) => text.split(/\s+/).join(' ')
  const program = blocks.find(({ language }) => language === 'typescript')?.text ?? ''
  expect(words(program)).toContain(words(fencedWrite))
})

describe('docs/operating.md', () => {
  const guide = readMarkdown('docs/operating.md')

  it('says of each error code once what it asks of the operator', () => {
    const codes = guide
      .tableBelow('## What each error code asks of you')
      .flatMap(({ codes: cell = '' }) => spansIn(cell))
    expect(codes.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted())
  })

  it('marks as checked what is checked', () => {
    const refuses = (make: () => unknown) => {
      try {
        make()
      } catch (error) {
        return isGenerationJobError(error) && error.code === 'options.invalid'
      }
      return false
    }
    const client = { evalsha() {}, eval() {}, duplicate() {} } as never
    const checked = guide
      .tableBelow('## Timeouts, and how they nest')
      .filter((row) => row['✓'] === '✓')
      .map((row) => row['the smaller'])
    const proofs: Record<string, () => unknown> = {
      '`gracePeriodMs`': () => new GenerationJobManager({ gracePeriodMs: 9_000, logger: false }),
      '`gracePeriodMs` + `storeTimeoutMs`': () => new GenerationJobManager({ storeTimeoutMs: 2_000, logger: false }),
      '`heartbeatMs` of the store, three times': () => createRedisJobStore({ client, leaseMs: 2_999 }),
    }
    expect(checked).toEqual(Object.keys(proofs))
    expect(Object.values(proofs).map(refuses)).toEqual([true, true, true])
  })

  it('draws the defaults', () => {
    const picture = guide.blocks.find(({ language }) => language === 'mermaid')?.text ?? ''
    const { gracePeriodMs, cancelTimeoutMs, idleTimeoutMs, deadlineMs } = resolveManagerOptions()
    const minutes = (ms: number | false) => Number(ms) / 60_000
    expect(picture).toContain(`gracePeriodMs ${gracePeriodMs / 1_000} s`)
    expect(picture).toContain(`cancelTimeoutMs ${cancelTimeoutMs / 1_000} s`)
    expect(picture).toContain(`idleTimeoutMs ${minutes(idleTimeoutMs)} min`)
    expect(picture).toContain(`deadlineMs ${minutes(deadlineMs)} min`)
  })

  it('alerts on metrics that the dashboard of examples/metrics asks for', () => {
    const dashboard = readFileSync(`${root}examples/metrics/dashboard.json`, 'utf8')
    const metrics = guide.text.match(/generation_jobs_\w+(?=[[{])/g) ?? []
    expect(metrics.length).toBeGreaterThan(4)
    expect(metrics.filter((name) => !dashboard.includes(name))).toEqual([])
  })

  it('names log lines that exist', () => {
    const known = readMarkdown('README.md')
      .tableBelow('## Log lines')
      .flatMap((row) => spansIn(row['`event`'] ?? ''))
    const section = guide.text.slice(guide.text.indexOf('From logs'), guide.text.indexOf('## What each error code'))
    const named = spansIn(section).filter((span) => /^(job|listener)\./.test(span))
    expect(named.length).toBeGreaterThan(6)
    expect(named.filter((name) => !known.includes(name))).toEqual([])
  })
})

it('docs/README.md lists every document', () => {
  const { links } = readMarkdown('docs/README.md')
  const documents = readdirSync(`${root}docs`).filter((name) => name.endsWith('.md') && name !== 'README.md')
  expect(links).toEqual(expect.arrayContaining(documents))
})
