import { afterAll, beforeAll } from 'vitest'

/** Rejections that nobody handled since the last call, taken away from the test runner: for `explore({ unhandled })`. */
export function unhandledRejections(): () => readonly unknown[] {
  const seen: unknown[] = []
  const note = (error: unknown): void => void seen.push(error)
  let others: NodeJS.UnhandledRejectionListener[] = []
  beforeAll(() => {
    others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
  })
  afterAll(() => {
    process.off('unhandledRejection', note)
    for (const other of others) process.on('unhandledRejection', other)
  })
  return () => seen.splice(0)
}
