import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'

const SCRIPTS = fileURLToPath(new URL('../../../src/redis/scripts/', import.meta.url))
/** Enough of a script's own lines to tell it from the others; no value is filled in so early. */
const OPENING = 40

/** The names of the scripts that the work runs, by the hash that the server is told. */
export async function scriptNames(redis: Redis, work: () => Promise<unknown>): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>()
  const monitor = await redis.monitor()
  monitor.on('monitor', (_time: string, [command = '', text = '']: string[]) => {
    if (command.toLowerCase() !== 'eval') return
    const script = text.replace(/\\([n\\])/g, (_, letter: string) => (letter === 'n' ? '\n' : letter))
    names.set(createHash('sha1').update(script).digest('hex'), nameOf(script))
  })
  await redis.script('FLUSH') // what the server does not know it is sent as text
  await work()
  const ended = once(monitor, 'end')
  monitor.disconnect()
  await ended
  return names
}

function nameOf(text: string): string {
  const [, own = ''] = text.split('local function call(arg)')
  const files = readdirSync(SCRIPTS).filter((name) => name.endsWith('.ts'))
  const opening = `\`${own.slice(0, OPENING)}`
  const file = files.find((name) => readFileSync(`${SCRIPTS}${name}`, 'utf8').includes(opening))
  return file?.replace('.ts', '') ?? 'unknown'
}
