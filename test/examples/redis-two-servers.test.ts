import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createClient } from 'redis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { hasRedis, startRedis } from '../redis/support/redis-server.js'
import { type RunningExample, startExample } from './support/run-example.ts'

/** The processes that this one has started and that still run. */
function childrenOf(pid: number | undefined): number[] {
  const lines = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).stdout.trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.filter(([, parent]) => parent === pid).flatMap(([child]) => child ?? [])
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function start(args: readonly string[], env?: Record<string, string>): Promise<RunningExample> {
  return startExample('redis-two-servers/main.ts', args, { cwd: temporaryDirectory(), env })
}

describe.skipIf(!hasRedis || inject('buildExitCode') !== 0)('examples/redis-two-servers', () => {
  it('DIS-01, DIS-03, G10, G12: watches and interrupts through another server, learns of a killed one within its lease, leaves nothing', async () => {
    const cwd = temporaryDirectory()
    const example = startExample('redis-two-servers/main.ts', [], { cwd })
    await example.waitFor('scene 2')
    const children = childrenOf(example.child.pid)
    expect(children.length).toBe(3)
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
    expect(example.stderr()).toBe('')

    const told = example.stdout()
    const [first = '', second = ''] = told.split('scene 2')
    const creator = /POST \/stories\/jobs → (server \w)/.exec(first)?.[1]
    const canceller = /\/cancel → (server \w)/.exec(first)?.[1]
    expect([creator, canceller].sort()).toEqual(['server A', 'server B'])
    expect(first).toContain(`${creator}  Generation cancelled by user`)
    expect(first.match(/(?:laptop|phone) +is interrupted: "Generation interrupted"/g)).toHaveLength(2)
    const survivor = second.includes('server A  is killed') ? 'server B' : 'server A'
    expect(second).toMatch(new RegExp(`stream\\?after=\\d+ → ${survivor}`))
    expect(second).toContain(`${survivor}  Generation failed (owner.lost)`)
    expect(second).toMatch(/know it \d+ ms after the kill, with the same \d+ events, no gap: owner\.lost/)
    expect(children.filter(isAlive)).toEqual([])
    expect(readdirSync(cwd)).toEqual([])
  })

  it('leaves no key and no connection in a Redis that was given to it', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const url = `redis://127.0.0.1:${redis.port}`
    const example = await start([], { REDIS_URL: url })
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
    const client = await createClient({ url }).connect()
    onTestFinished(() => client.destroy())
    expect(await client.dbSize()).toBe(0)
    expect(await client.clientList()).toHaveLength(1)
  })

  it('goes on with --serve until it is told to go, and each request may go to another server', async () => {
    const example = await start(['--serve'])
    await example.waitFor('Ctrl-C ends it.')
    const children = childrenOf(example.child.pid)
    const url = /-d '[^']+' (http:\S+)/.exec(example.stdout())?.[1] ?? ''
    const headers = { 'x-user': 'ada', 'content-type': 'application/json' }
    const created = await fetch(url, { method: 'POST', headers, body: '{"about":"a dragon"}' })
    const { job_id } = (await created.json()) as { job_id: string }
    const stream = await fetch(`${url}/${job_id}/stream`, { headers })
    const cancelled = await fetch(`${url}/${job_id}/cancel`, { method: 'POST', headers })
    expect(await cancelled.json()).toMatchObject({ outcome: 'cancelled', message: 'Generation interrupted' })
    expect(await stream.text()).toContain('"type":"cancelled"')

    process.kill(Number(/kill -9 (\d+)/.exec(example.stdout())?.[1]), 'SIGKILL')
    for (const _ of ['one', 'two']) {
      const status = await fetch(`${url}/${job_id}`, { headers })
      expect(await status.json()).toMatchObject({ status: 'cancelled' })
    }
    example.child.kill('SIGINT')
    expect(await example.ended, example.stderr()).toEqual({ code: 0, signal: null })
    expect(children.filter(isAlive)).toEqual([])
  })

  it('ends what it started when it is told to go in the middle', async () => {
    const example = await start([])
    await example.waitFor('scene 1')
    const children = childrenOf(example.child.pid)
    example.child.kill('SIGTERM')
    expect(await example.ended, example.stderr()).toEqual({ code: 130, signal: null })
    expect(children.length).toBe(3)
    expect(children.filter(isAlive)).toEqual([])
  })
})
