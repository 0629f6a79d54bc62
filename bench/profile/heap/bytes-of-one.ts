import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeHeapSnapshot } from 'node:v8'
import type { Hold } from '../../contender/held-jobs.ts'
import { liveHeap } from '../../measure/heap.ts'
import { ranked, topTen } from '../ranked.ts'
import type { Table } from '../table.ts'
import { type Holder, holdersIn } from './holders.ts'
import { scriptUrls } from './script-urls.ts'
import { readSnapshot } from './snapshot.ts'

export const HELD = 2_000
/** Of a kind that each job has. What has fewer is a table that all share. */
const PER_JOB = 0.9
const SHOWN = 20

/** What the bytes of one job are: the heap with so many of them, less the heap without. */
export async function bytesOfOne(what: string, hold: Hold): Promise<Table[]> {
  const grown = (await grownBy(hold)).sort((a, b) => b.bytes - a.bytes)
  const parts = ranked(
    grown,
    ({ part }) => part,
    ({ bytes }) => bytes,
  )
  const row = ({ what, part, count, bytes }: Holder) => {
    return [`\`${what}\``, part, count < PER_JOB ? 'shared' : count.toFixed(1), bytes.toFixed(0)]
  }
  const rest = sum(grown.slice(SHOWN)).toFixed(0)
  return [
    {
      caption: `One ${what}: ${sum(grown).toFixed(0)} B, by the part that made the object or holds it:`,
      columns: ['part', 'bytes'],
      rows: topTen(parts).map(([part, bytes]) => [part, bytes.toFixed(0)]),
    },
    {
      caption: 'By kind, how many there are, and their bytes:',
      columns: ['what', 'of', 'count', 'bytes'],
      rows: [...grown.slice(0, SHOWN).map(row), ['the rest', '', '', rest]],
    },
  ]
}

/** Through files: what reads a snapshot must not be alive in the other. */
async function grownBy(hold: Hold): Promise<Holder[]> {
  await (await hold(HELD)).close() // code and feedback of the first use are not the jobs'
  const folder = mkdtempSync(join(tmpdir(), 'generation-jobs-heap-'))
  const [without, withJobs] = [join(folder, 'without'), join(folder, 'with')]
  try {
    await liveHeap()
    writeHeapSnapshot(without)
    const { held, close } = await hold(HELD)
    await liveHeap()
    writeHeapSnapshot(withJobs)
    if (held === undefined) throw new Error('unreachable: keeps the jobs alive until here')
    await close()
    return await difference(without, withJobs)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Per job. */
async function difference(without: string, withJobs: string): Promise<Holder[]> {
  const urls = await scriptUrls()
  const before = holdersIn(readSnapshot(without), urls)
  return [...holdersIn(readSnapshot(withJobs), urls)].map(([key, { what, part, count, bytes }]) => ({
    what,
    part,
    count: (count - (before.get(key)?.count ?? 0)) / HELD,
    bytes: (bytes - (before.get(key)?.bytes ?? 0)) / HELD,
  }))
}

function sum(holders: readonly Holder[]): number {
  return holders.reduce((total, { bytes }) => total + bytes, 0)
}
