import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CommitFence, GenerationJobManager } from 'generation-jobs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cluster } from '../support/cluster.js'
import { hasPostgres, type PostgresServer, startPostgres } from './postgres-server.js'

/** The statements of the guide, so that what it shows is what is tested. */
const guide = readFileSync(fileURLToPath(new URL('../../docs/commit-and-databases.md', import.meta.url)), 'utf8')
const [FENCED_WRITE = '', PUBLISH = ''] = [...guide.matchAll(/```sql\n([^`]+)```/g)].map(([, sql]) => sql)

describe.skipIf(!hasPostgres)('a commit and a real PostgreSQL', () => {
  let server: PostgresServer
  const query = (sql: string, values: unknown[] = []) => server.pool.query(sql, values)

  beforeAll(async () => {
    server = await startPostgres()
    await query('CREATE TABLE dialogues (job_id text PRIMARY KEY, fencing_token bigint NOT NULL, body text NOT NULL)')
    await query('CREATE TABLE drafts (job_id text, fencing_token bigint, part int, body text)')
    await query('CREATE TABLE jobs (job_id text PRIMARY KEY, published_token bigint)')
  }, 60_000)
  afterAll(() => server?.stop())
  beforeEach(() => query('TRUNCATE dialogues, drafts, jobs'))

  /** A process stalls in its commit past its lease; its job is reaped and swept, and another process gets the id and saves first. */
  async function stalledCommit(save: (fence: CommitFence, body: string) => Promise<void>) {
    const { clock, join } = cluster({ retentionMs: 1_000 })
    const [old, other] = [join(), join()]
    let resume = (): void => {}
    const resumed = new Promise<void>((resolve) => {
      resume = resolve
    })
    const late = await old.manager.register(
      (run) =>
        run.commit(async (fence) => {
          await resumed
          await save(fence, 'old')
        }),
      { jobId: 'story' },
    )
    await clock.settle()
    old.pause()
    await clock.advance(10_000)
    const winner = await other.manager.register((run) => run.commit((fence) => save(fence, 'new')), { jobId: 'story' })
    const won = await winner.settled
    await old.resume()
    resume()
    const lost = await late.settled
    return { won, lost }
  }

  it('G6: a fenced write of a stalled process changes nothing after the newer one', async () => {
    const errors: unknown[] = []
    const { won, lost } = await stalledCommit(async ({ jobId, fencingToken }, body) => {
      const { rowCount } = await query(FENCED_WRITE, [jobId, fencingToken, body])
      if (rowCount === 1) return
      const error = new Error('somebody newer was there')
      errors.push(error)
      throw error
    })
    expect(won).toMatchObject({ status: 'completed', commit: 'done' })
    expect(lost.status).toBe('failed')
    await expect.poll(() => errors.length).toBe(1)
    expect((await query('SELECT body FROM dialogues')).rows).toEqual([{ body: 'new' }])
  })

  it('G6: drafts of a stalled process are never published over the newer ones', async () => {
    let publishes = 0
    const { won, lost } = await stalledCommit(async ({ jobId, fencingToken }, body) => {
      await query('INSERT INTO jobs (job_id) VALUES ($1) ON CONFLICT DO NOTHING', [jobId])
      await query('INSERT INTO drafts VALUES ($1, $2, 1, $3)', [jobId, fencingToken, body])
      const { rowCount } = await query(PUBLISH, [jobId, fencingToken])
      publishes++
      if (rowCount !== 1) throw new Error('somebody newer was there')
    })
    expect(won).toMatchObject({ status: 'completed', commit: 'done' })
    expect(lost.status).toBe('failed')
    await expect.poll(() => publishes).toBe(2)
    const visible = await query(
      'SELECT body FROM jobs JOIN drafts USING (job_id) WHERE drafts.fencing_token = jobs.published_token',
    )
    expect(visible.rows).toEqual([{ body: 'new' }])
  })

  it('G6: a transaction that fails leaves nothing, and the job says commit.failed', async () => {
    const manager = new GenerationJobManager({ logger: false })
    const job = await manager.register((run) =>
      run.commit(async ({ jobId, fencingToken }) => {
        const client = await server.pool.connect()
        try {
          await client.query('BEGIN')
          await client.query(FENCED_WRITE, [jobId, fencingToken, 'half'])
          await client.query('INSERT INTO no_such_table VALUES (1)')
          await client.query('COMMIT')
        } catch (error) {
          await client.query('ROLLBACK')
          throw error
        } finally {
          client.release()
        }
      }),
    )
    expect(await job.settled).toMatchObject({ status: 'failed', error: { code: 'commit.failed' }, commit: 'unknown' })
    expect((await query('SELECT count(*)::int AS rows FROM dialogues')).rows).toEqual([{ rows: 0 }])
    await manager.close()
  })
})
