import { describe, expect, it } from 'vitest'
import type { Fact, HistoryLine } from './support/chaos/history.js'
import { judge } from './support/chaos/judge.js'

const BOUND_MS = 5_000

/** What happened from 1_000 on, one millisecond after the other. */
function historyOf(facts: readonly Fact[]): HistoryLine[] {
  return facts.map((fact, index) => ({ at: 1_000 + index, by: 'somebody', ...fact }))
}

/** A committed job and a cancelled one, each read once, as they should be. */
const SOUND: readonly Fact[] = [
  { what: 'registered', jobId: 'one' },
  { what: 'reader', jobId: 'one', reader: 'r1', after: 0 },
  { what: 'read', jobId: 'one', reader: 'r1', seq: 1, type: 'chunk' },
  { what: 'save begun', jobId: 'one', fencingToken: 7 },
  { what: 'save done', jobId: 'one', fencingToken: 7 },
  { what: 'cancel', jobId: 'one', sentAt: 1_004, outcome: 'too-late', status: 'completed' },
  { what: 'outcome', jobId: 'one', status: 'completed', commit: 'done', recorded: true },
  { what: 'read', jobId: 'one', reader: 'r1', seq: 2, type: 'complete' },
  { what: 'read to the end', jobId: 'one', reader: 'r1' },
  { what: 'registered', jobId: 'two' },
  { what: 'fault', fault: 'kill of Redis' },
  { what: 'cancel', jobId: 'two', sentAt: 1_010, outcome: 'unanswered' },
  { what: 'cancel', jobId: 'two', sentAt: 1_011, outcome: 'cancelled', recorded: true },
  { what: 'outcome', jobId: 'two', status: 'cancelled', commit: 'none', recorded: true },
  { what: 'reader', jobId: 'two', reader: 'r2', after: 1 },
  { what: 'read', jobId: 'two', reader: 'r2', seq: 2, type: 'cancelling' },
  { what: 'read', jobId: 'two', reader: 'r2', seq: 3, type: 'cancelled' },
  { what: 'read to the end', jobId: 'two', reader: 'r2' },
  { what: 'quiet' },
  { what: 'record', jobId: 'one', status: 'completed', commit: 'done', settledAt: 1_006, fencingToken: 7 },
  { what: 'log', jobId: 'one', types: ['chunk', 'complete'], seqs: [1, 2] },
  { what: 'record', jobId: 'two', status: 'cancelled', commit: 'none', settledAt: 1_012, fencingToken: 8 },
  { what: 'log', jobId: 'two', types: ['chunk', 'cancelling', 'cancelled'], seqs: [1, 2, 3] },
  { what: 'keys left', keys: [] },
]

type Doctor = (facts: Fact[]) => unknown

function find<What extends Fact['what']>(facts: Fact[], what: What, jobId?: string): Extract<Fact, { what: What }> {
  const found = facts.find(
    (fact) => fact.what === what && (jobId === undefined || ('jobId' in fact && fact.jobId === jobId)),
  )
  if (!found) throw new Error(`no ${what}`)
  return found as Extract<Fact, { what: What }>
}

const without = (facts: Fact[], fact: Fact) => facts.splice(facts.indexOf(fact), 1)
const change = (fact: Fact, changes: object) => Object.assign(fact, changes)

const DOCTORED: Readonly<Record<string, readonly [Doctor, string]>> = {
  'two terminal events': [
    (facts) => change(find(facts, 'log', 'one'), { types: ['chunk', 'complete', 'error'], seqs: [1, 2, 3] }),
    'one: has 2 terminal events',
  ],
  'an end that is not the one of the record': [
    (facts) => change(find(facts, 'log', 'one'), { types: ['chunk', 'error'] }),
    'one: is completed, and its log ends with error',
  ],
  'no end at all': [
    (facts) => change(find(facts, 'record', 'two'), { status: 'cancelling' }),
    'two: is still cancelling',
  ],
  'an end long after the last fault': [
    (facts) => change(find(facts, 'record', 'two'), { settledAt: 1_018 + BOUND_MS + 1 }),
    'two: had no end in time',
  ],
  'a save of a cancelled job': [
    (facts) => facts.unshift({ what: 'save begun', jobId: 'two', fencingToken: 8 }),
    'two: was saved, and its record says cancelled, commit none, no code',
  ],
  'a second save': [
    (facts) => facts.unshift({ what: 'save begun', jobId: 'one', fencingToken: 7 }),
    'one: was saved 2 times',
  ],
  'a commit without a save': [
    (facts) => without(facts, find(facts, 'save done')),
    'one: says that it was committed, and nothing was saved',
  ],
  'a save that the record hides behind owner.lost': [
    (facts) => change(find(facts, 'record', 'one'), { status: 'failed', commit: 'none', code: 'owner.lost' }),
    'one: was saved, and its record says failed, commit none, owner.lost',
  ],
  'a gap for a reader': [(facts) => without(facts, find(facts, 'read', 'two')), 'two: reader r2 got 3 out of turn'],
  'an event twice for a reader': [
    (facts) => facts.splice(facts.indexOf(find(facts, 'read', 'two')), 0, { ...find(facts, 'read', 'two') }),
    'two: reader r2 got 2 out of turn',
  ],
  'an event for a reader that nobody wrote': [
    (facts) => change(find(facts, 'read', 'two'), { type: 'chunk' }),
    'two: reader r2 got what is not in the log',
  ],
  'a reader that was sent away early': [
    (facts) =>
      change(find(facts, 'log', 'two'), { types: ['chunk', 'chunk', 'cancelling', 'cancelled'], seqs: [1, 2, 3, 4] }),
    'two: reader r2 was told that 3 of 4 events are all',
  ],
  'a reader that waits for ever': [
    (facts) => without(facts, find(facts, 'read to the end', 'one')),
    'one: reader r1 never came to the end',
  ],
  'text after a recorded cancel': [
    (facts) => change(find(facts, 'log', 'two'), { types: ['cancelling', 'chunk', 'cancelled'] }),
    'two: has output after its cancel was recorded',
  ],
  'a number that the log lacks': [
    (facts) => change(find(facts, 'log', 'one'), { seqs: [1, 3] }),
    'one: its log has a gap or a duplicate',
  ],
  'a cancel that was told a success': [
    (facts) => facts.unshift({ what: 'cancel', jobId: 'one', sentAt: 1, outcome: 'cancelled', recorded: true }),
    'one: a cancel was told that it is cancelled',
  ],
  'a cancel that was told that it is recorded': [
    (facts) => facts.unshift({ what: 'cancel', jobId: 'one', sentAt: 1, outcome: 'requested', status: 'cancelling' }),
    'one: a cancel was recorded, and it is not cancelled',
  ],
  'a cancel that came too late for a job that is cancelled': [
    (facts) => facts.unshift({ what: 'cancel', jobId: 'two', sentAt: 1, outcome: 'too-late', status: 'committing' }),
    'two: a cancel was too late, and it is cancelled',
  ],
  'a cancel that was told another end': [
    (facts) =>
      facts.unshift({ what: 'cancel', jobId: 'two', sentAt: 1, outcome: 'already-settled', status: 'completed' }),
    'two: a cancel was told that it is completed, and it is cancelled',
  ],
  'a cancel that did not find a registered job': [
    (facts) => facts.push({ what: 'cancel', jobId: 'one', sentAt: 1_020, outcome: 'not-found' }),
    'one: a cancel did not find it',
  ],
  'a handle that says more than the record': [
    (facts) => change(find(facts, 'outcome', 'two'), { status: 'completed' }),
    'two: its handle says completed, commit none; the record cancelled, none',
  ],
  'a registered job without a record': [
    (facts) => without(facts, find(facts, 'record', 'one')),
    'one: was registered, and its record is gone',
  ],
  'a key that is left': [
    (facts) => change(find(facts, 'keys left'), { keys: ['{gen}:leases'] }),
    '1 keys are left: {gen}:leases',
  ],
}

describe('the checker of the chaos run', () => {
  it('finds nothing in a sound history', () => {
    expect(judge(historyOf(SOUND), BOUND_MS)).toEqual([])
  })

  it.each(Object.entries(DOCTORED))('finds %s', (_, [doctor, fault]) => {
    const facts = structuredClone(SOUND) as Fact[]
    doctor(facts)
    expect(judge(historyOf(facts), BOUND_MS)).toContain(fault)
  })

  it('allows a save of a stalled owner if the record admits that it may have happened', () => {
    const facts = structuredClone(SOUND) as Fact[]
    change(find(facts, 'record', 'one'), { status: 'failed', commit: 'unknown', code: 'commit.unknown' })
    change(find(facts, 'log', 'one'), { types: ['chunk', 'error'] })
    change(find(facts, 'outcome', 'one'), { recorded: false })
    change(find(facts, 'cancel', 'one'), { status: 'failed' })
    for (const read of facts) if (read.what === 'read' && read.type === 'complete') change(read, { type: 'error' })
    expect(judge(historyOf(facts), BOUND_MS)).toEqual([])
  })

  it('does not take an end that was never recorded for the truth', () => {
    const facts = structuredClone(SOUND) as Fact[]
    change(find(facts, 'outcome', 'two'), { status: 'completed', recorded: false })
    expect(judge(historyOf(facts), BOUND_MS)).toEqual([])
  })
})
