import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

export interface RunningExample {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  /** Resolves as soon as stdout has the text; rejects when the program ends without it. */
  waitFor(text: string): Promise<void>
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

export interface ExampleOptions {
  /** Where the program runs, and so where it writes. */
  readonly cwd: string
  readonly env?: Record<string, string> | undefined
  /** For node itself, before the program. */
  readonly nodeArguments?: readonly string[] | undefined
}

/** Starts `examples/<path>` with the node that runs the tests, and kills it when the test is over. */
export function startExample(path: string, args: readonly string[], options: ExampleOptions): RunningExample {
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), `${root}examples/${path}`, ...args], {
    cwd: options.cwd,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  const listeners = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const listener of listeners) listener()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    waitFor: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!stdout.includes(text)) return
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
        void ended.then(() => reject(new Error(`ended without ${JSON.stringify(text)}:\n${stdout}\n${stderr}`)))
      }),
    ended,
  }
}

/** The environment without what npm and a developer's own keys would change. */
export function cleanEnvironment(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|OPENAI_|ANTHROPIC_|NODE_OPTIONS$|VITEST)/i.test(name),
  )
  return Object.fromEntries(kept)
}
