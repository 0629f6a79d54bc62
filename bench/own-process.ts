import { fork, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/**
 * Runs a file of this folder in a process of its own and resolves with the message that it sends.
 * @throws {Error} when it ends without one
 */
export function ownProcess<Answer>(file: string, args: readonly string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), args, {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    })
    child.once('message', (answer) => resolve(answer as Answer))
    child.once('exit', (code) => reject(new Error(`${args[0]} ended with code ${code} and no answer`)))
  })
}

/** Why nothing can be asked that needs these programs; `undefined` when all are there. */
export function whatIsMissing(needs: readonly string[] = []): string | undefined {
  const missing = needs.find((program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error)
  return missing && `${missing} is not on the PATH; install it with the system's package manager.`
}
