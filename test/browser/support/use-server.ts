import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { startServer, type TestServer } from './start-server.ts'

/** One server for all tests of a `describe`. */
export function useServer(): () => TestServer {
  const directory = mkdtempSync(path.join(tmpdir(), 'generation-jobs-web-'))
  let server: TestServer | undefined
  beforeAll(async () => {
    server = await startServer({ directory })
  }, 60_000)
  afterAll(async () => {
    await server?.end('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  return () => {
    if (!server) throw new Error('The server did not start.')
    return server
  }
}
