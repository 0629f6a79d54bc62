// Two servers behind a load balancer, with one Redis. A story is written on one server, read through both, and interrupted through
// the one that does not write it; then the server that writes is killed. Run: node examples/redis-two-servers/main.ts
// With --serve nothing is played: it goes on until Ctrl-C, and says what to try with curl.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { argv, env } from 'node:process'
import { interruptElsewhere } from './interrupt-elsewhere.ts'
import { killOwner } from './killed-owner.ts'
import { createNarrator } from './narrator.ts'
import { createProxy } from './proxy.ts'
import { openRedis } from './redis.ts'
import { type ServerProcess, startServer } from './server-process.ts'

/** How long a server that says nothing keeps its stories. Short, for an impatient audience; the default is 6 s. */
const LEASE_MS = 2_000

const say = createNarrator()
const isServing = argv.includes('--serve')
const toldToGo = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
/** What to close, in the order in which it was opened. */
const opened: (() => Promise<void>)[] = []

try {
  const { url, servers } = await start()
  if (isServing) explain(url, servers)
  const show = isServing ? toldToGo : play(url, servers)
  const isEarly = await Promise.race([show.then(() => false), toldToGo.then(() => true)])
  process.exitCode = isEarly ? 130 : 0
} finally {
  for (const close of opened.reverse()) await close()
  say('end', 'no process, no key and no file is left')
}
process.exit() // who is told to go in the middle of a scene leaves its devices where they are

async function start(): Promise<{ url: string; servers: readonly ServerProcess[] }> {
  say('start', 'Redis, two servers and a proxy')
  const redis = await openRedis(env.REDIS_URL)
  opened.push(redis.close)
  const setting = { REDIS_URL: redis.url, KEY_PREFIX: redis.prefix, LEASE_MS: `${LEASE_MS}` }
  const servers = await Promise.all(['server A', 'server B'].map((name) => open(name, setting)))
  const proxy = createProxy(servers, say).listen(0, '127.0.0.1')
  opened.push(async () => proxy.closeAllConnections())
  await once(proxy, 'listening')
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, servers }
}

async function play(url: string, servers: readonly ServerProcess[]): Promise<void> {
  say('scene 1', 'two devices of one person; the second interrupts')
  await interruptElsewhere(url, say)
  say('scene 2', `the server that writes is killed; its lease is ${LEASE_MS} ms`)
  await killOwner(url, servers, say)
}

async function open(name: string, setting: Record<string, string>): Promise<ServerProcess> {
  const server = await startServer(name, setting, (text) => say(name, text))
  opened.push(server.stop)
  return server
}

function explain(url: string, servers: readonly ServerProcess[]): void {
  const curl = `curl -H 'x-user: ada'`
  console.log(`
  Each request goes to the next server; the lines below say to which.

  write      ${curl} -H 'content-type: application/json' -d '{"about":"a dragon"}' ${url}/stories/jobs
  read       ${curl} -N ${url}/stories/jobs/<job_id>/stream
  interrupt  ${curl} -X POST ${url}/stories/jobs/<job_id>/cancel
  kill one   ${servers.map(({ name, pid }) => `kill -9 ${pid} (${name})`).join(', ')}

  Ctrl-C ends it.
`)
}
