import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createMemoryJobStore, GenerationJobManager, isGenerationJobError } from 'generation-jobs'
import { controlledSource, createVirtualClock } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { resolveManagerOptions } from '../../src/core/check-options.js'
import { JOB_STATUSES, TRANSITIONS } from '../../src/protocol/index.js'
import { captureLogs } from '../support/captured-logs.js'
import { CALLS } from './support/calls.ts'
import { membersOf } from './support/declarations.ts'
import { errorTable } from './support/error-table.ts'
import { type Row, readMarkdown, root, spansIn } from './support/markdown.ts'
import { probesOf } from './support/option-limits.ts'

const readme = readMarkdown('README.md')
const bare = (cell: string | undefined) => (cell ?? '').replaceAll('`', '')

describe('the tables of options', () => {
  const manager = readme.tableBelow('### `new GenerationJobManager(options)`')
  const register = readme.tableBelow('### `manager.register(producer, options)`')
  const others = readme.tableBelow('### Other calls')
  const rows: (Row & { call: string })[] = [
    ...manager.map((row) => ({ ...row, call: 'new GenerationJobManager' })),
    ...register.map((row) => ({ ...row, call: 'register' })),
    ...others.map((row) => ({ ...row, call: bare(row.call) })),
  ]

  it.each([
    ['new GenerationJobManager', 'src/core/options.ts', 'GenerationJobManagerOptions'],
    ['register', 'src/core/options.ts', 'RegisterOptions'],
    ['cancel', 'src/core/options.ts', 'CancelOptions'],
    ['new GenerationOrchestrator', 'src/core/options.ts', 'OrchestratorOptions'],
    ['createMemoryJobStore', 'src/core/memory/memory-job-store.ts', 'MemoryJobStoreOptions'],
  ])('list every option of %s and no other', (call, file, type) => {
    const listed = rows.filter((row) => row.call === call).map(({ option }) => bare(option))
    expect(listed.toSorted()).toEqual([...membersOf(file, type)].toSorted())
  })

  it('show the defaults of the code', () => {
    const defaults: Record<string, unknown> = { ...resolveManagerOptions() }
    const shown = manager.map(({ option, default: cell = '' }) => [bare(option), literalOf(cell)])
    const actual = manager.map(({ option }) => [bare(option), defaults[bare(option)]])
    expect(shown).toEqual(actual)
  })

  it('name the unit that the name says', () => {
    const wrong = rows.filter(({ option, unit }) => /Ms`$/.test(option ?? '') !== (unit === 'ms'))
    expect(wrong).toEqual([])
    expect(rows.filter(({ option, unit }) => /Bytes`$/.test(option ?? '') !== (unit === 'bytes'))).toEqual([])
  })

  it.each(rows.map((row) => [row.call, bare(row.option), row.limits ?? ''] as const))(
    '%s %s: %s',
    async (call, option, limits) => {
      const { accepts, refuses } = probesOf(limits)
      const refused = async (value: unknown) => {
        try {
          await CALLS[call]?.(option, value)
          return false
        } catch (error) {
          if (isGenerationJobError(error) && error.code === 'options.invalid') return true
          throw error
        }
      }
      expect(CALLS[call]).toBeDefined()
      for (const value of accepts) expect([value, await refused(value)]).toEqual([value, false])
      for (const value of refuses) expect([value, await refused(value)]).toEqual([value, true])
    },
  )
})

it('the defaults of other calls are those of the code', async () => {
  const shown = readme
    .tableBelow('### Other calls')
    .map(({ call, option, default: cell = '' }) => [`${bare(call)} ${bare(option)}`, bare(cell)])
  const defaultOf = (name: string) => Number(Object.fromEntries(shown)[name]?.replaceAll('_', ''))
  const clock = createVirtualClock()
  const manager = new GenerationJobManager({ clock, logger: false })
  const job = await manager.register((run) => run.stream(controlledSource()))

  const waiting = manager.waitForCompletion(job.jobId)
  await clock.advance(defaultOf('waitForCompletion timeoutMs') - 1)
  expect(manager.stats().waiters).toBe(1)
  await clock.advance(1)
  expect(await waiting).toMatchObject({ settled: false, cause: 'timeout' })

  const draining = manager.drain()
  await clock.advance(defaultOf('drain timeoutMs') - 1)
  expect(job.snapshot().status).toBe('running')
  await clock.advance(1)
  expect(await draining).toMatchObject({ cancelled: 1, waitedMs: defaultOf('drain timeoutMs') })
  await manager.close()

  expect(createMemoryJobStore().leaseMs).toBe(defaultOf('createMemoryJobStore leaseMs'))
})

function literalOf(cell: string): unknown {
  const [literal] = spansIn(cell)
  if (literal === undefined) return undefined
  return /^'.*'$/.test(literal) ? literal.slice(1, -1) : Number(literal.replaceAll('_', ''))
}

// UPDATE_DOCS=1 npm test -- test/docs writes it.
it('the table of errors is that of src/protocol/error-code.ts', () => {
  const pattern = /(<!-- errors: .*? -->\n)[\s\S]*?(<!-- \/errors -->)/
  const expected = readme.text.replace(pattern, (_, start, end) => `${start}\n${errorTable()}\n\n${end}`)
  if (process.env.UPDATE_DOCS) writeFileSync(`${root}README.md`, expected)
  else expect(readme.text).toBe(expected)
  expect(readme.text).toMatch(pattern)
})

it('the picture of states has the transitions of src/protocol/job-status.ts', () => {
  const picture = readme.blocks.find(({ language }) => language === 'mermaid')?.text ?? ''
  const drawn = [...picture.matchAll(/(\w+) --> (\w+):/g)].map(([, from, to]) => `${from} ${to}`)
  const actual = JOB_STATUSES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} ${to}`))
  expect(drawn.toSorted()).toEqual(actual.toSorted())
})

describe('the table of guarantees', () => {
  const rows = readme.tableBelow('## Guarantees')
  const shown = rows.map((row) => ({
    id: row[''] ?? '',
    files: [...(row['shown by'] ?? '').matchAll(/\]\((test\/[^)]+)\)/g)].map(([, file]) => file ?? ''),
  }))

  it('has G1 to G14', () => {
    expect(shown.map(({ id }) => id)).toEqual(Array.from({ length: 14 }, (_, index) => `G${index + 1}`))
  })

  it.each(shown)('$id has tests of its name in the files that it links', ({ id, files }) => {
    expect(files).not.toEqual([])
    expect(files.filter((file) => !testNames(file).some((name) => new RegExp(`\\b${id}\\b`).test(name)))).toEqual([])
  })
})

/** The names of a file's tests and suites, as they stand in the source. */
function testNames(file: string): string[] {
  const source = readFileSync(root + file, 'utf8')
  return [...source.matchAll(/\b(?:it|test|describe)\b[^'"`\n]*(['"`])(.+?)\1/g)].map(([, , name]) => name ?? '')
}

describe('the tables of log lines', () => {
  const lines = readme.tableBelow('## Log lines')
  const fields = readme.tableBelow('## Log lines', 1)

  it('list the lines of src/core/journal.ts and the summaries', () => {
    const journal = readFileSync(`${root}src/core/journal.ts`, 'utf8')
    const written = [...journal.matchAll(/'((?:job|listener)\.[a-z_]+)'/g)].map(([, event]) => event ?? '')
    const summaries = ['job.completed', 'job.failed', 'job.cancelled']
    expect(lines.map((row) => bare(row['`event`'])).toSorted()).toEqual([...new Set(written), ...summaries].toSorted())
  })

  it('show levels, words and fields as they are logged', async () => {
    const logs = captureLogs()
    const manager = new GenerationJobManager({ locale: 'en', logger: logs })
    await (await manager.register(async () => undefined)).settled
    await (await manager.register(() => Promise.reject(new Error('secret')))).settled
    const job = await manager.register((run) => run.stream(new ReadableStream<string>()))
    await job.cancel({ by: 'ada', message: 'enough' })
    await manager.close()

    const summaries = logs.lines.filter(({ fields }) =>
      /^job\.(completed|failed|cancelled)$/.test(String(fields.event)),
    )
    expect(summaries).toHaveLength(3)
    for (const { level, message, fields } of summaries) {
      const row = lines.find((line) => bare(line['`event`']) === fields.event)
      expect(row?.level).toBe(level)
      const [sample = ''] = spansIn(row?.when ?? '')
      expect(shapeOf(message)).toBe(shapeOf(sample))
    }
    const documented = fields.flatMap(({ field = '' }) => spansIn(field))
    const logged = new Set(summaries.flatMap(({ fields }) => Object.keys(fields)))
    expect(documented.toSorted()).toEqual(
      [...logged].filter((name) => name !== 'event' && name !== 'job_id').toSorted(),
    )
  })
})

/** A message without what differs from job to job. */
function shapeOf(message: string): string {
  return message
    .replace(/\([a-z.]+\)/, '(code)')
    .replace(/job_id: [^,]+/, 'job_id: …')
    .replace(/: \d+\.\d\ds/, ': …s')
    .replace(/step: .+$/, 'step: …')
}

it('the list of examples is that of examples/', () => {
  const listed = readme.tableBelow('## Examples').map(({ program = '' }) => /examples\/[\w-]+/.exec(program)?.[0])
  const present = readdirSync(`${root}examples`).map((name) => `examples/${name}`)
  expect(listed.toSorted()).toEqual(present.toSorted())
})

it('the table of the test kit names what generation-jobs/testing exports', async () => {
  const { tableBelow } = readme
  const kit: object = await import('generation-jobs/testing')
  const listed = tableBelow('## Test your producer').map(({ name }) => bare(name))
  const functions = Object.entries(kit).filter(([name, value]) => typeof value === 'function' && !/^[A-Z]/.test(name))
  expect(listed.toSorted()).toEqual(functions.map(([name]) => name).toSorted())
})
