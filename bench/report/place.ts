import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Where, when, with what and how was measured, one line each. */
export function place(how: string): string[] {
  const [cpu] = cpus()
  const load = loadavg().map((value) => value.toFixed(1))
  return [
    `${new Date().toISOString()}, commit ${commit()}`,
    `Node ${process.version}, V8 ${process.versions.v8}, ${process.platform} ${process.arch}`,
    `${cpus().length} x ${cpu?.model.trim() ?? 'unknown processor'}, ${(totalmem() / 1024 ** 3).toFixed(0)} GiB`,
    `Load average at the end, the bench itself included: ${load.join(', ')}`,
    `Peers: ${peers().join(', ')}${redis()}`,
    how,
  ]
}

function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim()
  try {
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain') === '' ? '' : ' with local changes'}`
  } catch {
    return 'unknown'
  }
}

/** What bench/package.json asks for, in the versions that are installed. */
function peers(): string[] {
  const { dependencies } = readJson('package.json') as { dependencies: Record<string, string> }
  const { packages } = readJson('package-lock.json') as { packages: Record<string, { version?: string }> }
  return Object.keys(dependencies)
    .filter((name) => name !== 'generation-jobs')
    .map((name) => `${name} ${packages[`node_modules/${name}`]?.version ?? '?'}`)
}

function redis(): string {
  try {
    const [version] = /\d+\.\d+\.\d+/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' })) ?? []
    return `; redis-server ${version}`
  } catch {
    return ''
  }
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(`${root}bench/${file}`, 'utf8'))
}
