import { Redis } from 'ioredis'
import type { Contender } from '../../measure/alternate.ts'
import { ranked } from '../ranked.ts'
import { repeat } from '../repeat.ts'
import type { Table } from '../table.ts'
import { scriptNames } from './script-names.ts'

const MEASURED_MS = 2_000
/** Any script is slower. Most commands in it are not, and noting each of them would make the script itself slow. */
const SLOWER_THAN_US = 10
/** More do not come in the measured time. */
const MAX_COMMANDS = 1_000_000
const SHOWN = 10
/** What is asked here, not by the library. */
const OWN_COMMANDS = /^(config|info|slowlog)/

interface Command {
  readonly name: string
  readonly calls: number
  readonly us: number
}

/** What the server does for the work, by its own clock, in a pass that nothing else profiles. */
export async function serverTables(
  port: number,
  contender: Contender,
  { unit, units }: { readonly unit: string; readonly units: number },
): Promise<Table[]> {
  const redis = new Redis({ port })
  try {
    const names = await scriptNames(redis, async () => (await contender())())
    await redis.config(
      'SET',
      'slowlog-log-slower-than',
      String(SLOWER_THAN_US),
      'slowlog-max-len',
      String(MAX_COMMANDS),
    )
    await redis.slowlog('RESET')
    await redis.config('RESETSTAT')
    const count = units * (await repeat(contender, MEASURED_MS))
    const stats = await redis.info('commandstats')
    const scripts = scriptsRun((await redis.slowlog('GET', MAX_COMMANDS)) as SlowEntry[], names)
    return [
      table(`The scripts that the server runs for one ${unit}, by its \`SLOWLOG\`:`, 'script', scripts),
      table(
        `All commands for one ${unit}, by \`INFO commandstats\`; the time of \`evalsha\` includes what the script calls:`,
        'command',
        commandStats(stats),
      ),
    ]

    function table(caption: string, what: string, commands: readonly Command[]): Table {
      return {
        caption,
        columns: [what, 'calls', 'us per call', 'us'],
        rows: commands
          .filter(({ name }) => !OWN_COMMANDS.test(name))
          .sort((a, b) => b.us - a.us)
          .slice(0, SHOWN)
          .map(({ name, calls, us }) => [
            `\`${name}\``,
            (calls / count).toFixed(2),
            (us / calls).toFixed(1),
            (us / count).toFixed(1),
          ]),
      }
    }
  } finally {
    redis.disconnect()
  }
}

/** Id, second, microseconds, the command with its arguments, and more. */
type SlowEntry = readonly [number, number, number, readonly string[], ...unknown[]]

function scriptsRun(entries: readonly SlowEntry[], names: ReadonlyMap<string, string>): Command[] {
  const scripts = entries.filter(([, , , [command = '']]) => command.toLowerCase() === 'evalsha')
  const nameOf = ([, , , [, sha = '']]: SlowEntry) => names.get(sha) ?? 'of the heartbeat'
  const us = new Map(ranked(scripts, nameOf, ([, , taken]) => taken))
  return ranked(scripts, nameOf, () => 1).map(([name, calls]) => ({ name, calls, us: us.get(name) ?? 0 }))
}

function commandStats(info: string): Command[] {
  return [...info.matchAll(/^cmdstat_([^:]+):calls=(\d+),usec=(\d+)/gm)].map(([, name = '', calls, us]) => ({
    name,
    calls: Number(calls),
    us: Number(us),
  }))
}
