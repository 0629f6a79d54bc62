import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'

/** Debian keeps the programs of PostgreSQL off the PATH. */
const DEBIAN = '/usr/lib/postgresql'
const BIN = (existsSync(DEBIAN) ? readdirSync(DEBIAN) : [])
  .sort((a, b) => Number(b) - Number(a))
  .map((version) => `${DEBIAN}/${version}/bin/`)
  .concat('')
  .find((folder) => spawnSync(`${folder}postgres`, ['--version']).status === 0)

/** Whether tests that need a server can run. Where they must run, in CI, its absence is a failure and not a skip. */
export const hasPostgres = BIN !== undefined
if (!hasPostgres) {
  const advice = 'PostgreSQL is not installed (Debian, Ubuntu: apt-get install -y postgresql).'
  if (process.env.CI) throw new Error(advice)
  process.stderr.write(`\nSKIPPED: tests with a real PostgreSQL. ${advice}\n\n`)
}

export interface PostgresServer {
  readonly pool: pg.Pool
  stop(): Promise<void>
}

/** A server of its own in a temporary folder, without waiting for the disk. */
export async function startPostgres(): Promise<PostgresServer> {
  const data = mkdtempSync(join(tmpdir(), 'generation-jobs-postgres-'))
  const user = lesserUser()
  if (user) chownSync(data, user.uid, user.gid)
  chmodSync(data, 0o700)
  const made = spawnSync(`${BIN}initdb`, ['-D', data, '-U', 'test', '-A', 'trust', '--no-sync'], {
    ...user,
    encoding: 'utf8',
  })
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const port = await freePort()
  const settings = ['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=']
  const child = spawn(`${BIN}postgres`, ['-D', data, '-p', String(port), ...settings], { ...user, stdio: 'ignore' })
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'test', database: 'postgres', max: 4 })
  pool.on('error', () => undefined) // the server goes away under idle connections at the end
  await untilItAnswers(pool, child)
  return {
    pool,
    async stop() {
      await pool.end()
      child.kill('SIGQUIT')
      if (child.exitCode === null) await once(child, 'exit')
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** PostgreSQL refuses to run as root. */
function lesserUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (option: string) => Number(spawnSync('id', [option, 'postgres'], { encoding: 'utf8' }).stdout.trim())
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function untilItAnswers(pool: pg.Pool, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`)
    try {
      await pool.query('SELECT 1')
      return
    } catch {
      await wait(50)
    }
  }
  throw new Error('postgres does not answer')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
