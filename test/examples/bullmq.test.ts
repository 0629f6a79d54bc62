import { describe, expect, inject, it } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { hasRedis } from '../redis/support/redis-server.js'
import { startExample } from './support/run-example.ts'

describe.skipIf(!hasRedis || inject('buildExitCode') !== 0)('examples/bullmq', () => {
  it('DIS-27: one story is written, one cancelled in the queue and one on its worker, and it ends by itself', async () => {
    const example = startExample('bullmq/main.ts', [], { cwd: temporaryDirectory() })
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
    expect(example.stderr()).toBe('')
    const lines = example.stdout().trim().split('\n')
    // Which worker gets which story is BullMQ's to say.
    const said = lines.map((line) => line.replace(/^worker [12]/, 'worker').replace(/ +/g, ' '))
    expect(said.toSorted()).toEqual(
      [
        'web ordered The lamp',
        'web ordered The sea',
        'web ordered The map',
        'web queued The map: pending',
        'worker writes The lamp',
        'worker writes The sea',
        'web stopped The map: cancelled, it never ran',
        'web stopped The sea: cancelled',
        'worker released The sea: cancelled',
        'worker released The lamp: completed',
        'web received The lamp: 100 words',
        'web record The lamp: completed',
        'web record The sea: cancelled by ann',
        'web record The map: cancelled by ann',
      ].toSorted(),
    )
    expect(said.indexOf('worker released The sea: cancelled')).toBeLessThan(
      said.indexOf('web stopped The sea: cancelled'),
    )
    expect(said.indexOf('worker released The lamp: completed')).toBeLessThan(
      said.indexOf('web received The lamp: 100 words'),
    )
  })

  it('says what it needs where there is no Redis', async () => {
    const example = startExample('bullmq/main.ts', [], { cwd: temporaryDirectory(), env: { PATH: '/nowhere' } })
    expect((await example.ended).code).toBe(1)
    expect(example.stderr()).toContain('redis-server is not installed')
  })
})
