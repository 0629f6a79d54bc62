import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { onTestFinished } from 'vitest'
import type { ClientName, OpenClient } from './clients.js'
import { freePort, PROGRAMS, type ServerProgram, startRedis } from './redis-server.js'

const host = '127.0.0.1'

/**
 * The programs that were built with TLS. One without it does not know the setting `tls-port`; one with it goes on to the next
 * setting, which is wrong on purpose, so that none starts.
 */
const WITH_TLS = PROGRAMS.filter(({ command }) => {
  const { stdout, stderr } = spawnSync(command, ['--tls-port', '0', '--port', 'none'], { encoding: 'utf8' })
  return /port "none"/.test(stdout + stderr)
})
const hasOpenssl = spawnSync('openssl', ['version']).status === 0

/** Those that can be tested. A server that could, and an openssl that is missing in CI, is a failure. */
export const TLS_PROGRAMS = hasOpenssl ? WITH_TLS : []
if (PROGRAMS.length > 0 && TLS_PROGRAMS.length === 0) {
  const why = hasOpenssl ? 'no installed server was built with TLS' : 'openssl is not installed'
  if (WITH_TLS.length > 0 && process.env.CI) throw new Error(`Redis over TLS cannot be tested: ${why}.`)
  process.stderr.write(`\nSKIPPED: Redis over TLS. Reason: ${why}.\n\n`)
}

export interface TlsServer {
  readonly tlsPort: number
  /** The certificate of who signed the server's: itself. */
  readonly ca: string
}

/** A server that also listens on a TLS port; stopped when the test ends. */
export async function startTlsRedis(program: ServerProgram): Promise<TlsServer> {
  const dir = mkdtempSync(join(tmpdir(), 'generation-jobs-tls-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const [certificate, key] = [join(dir, 'certificate.pem'), join(dir, 'key.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=localhost', '-addext', `subjectAltName=IP:${host}`]
  const made = spawnSync('openssl', ['req', ...kind, ...subject, '-keyout', key, '-out', certificate])
  if (made.status !== 0) throw new Error(`openssl: ${made.stderr}`)
  const tlsPort = await freePort()
  const files = ['--tls-cert-file', certificate, '--tls-key-file', key, '--tls-ca-cert-file', certificate]
  const args = ['--tls-port', String(tlsPort), ...files, '--tls-auth-clients', 'no']
  const server = await startRedis({ program, args })
  onTestFinished(() => server.stop())
  return { tlsPort, ca: readFileSync(certificate, 'utf8') }
}

const ignore = () => {}

/** Clients over TLS, as an application makes them. */
export const TLS_CLIENTS: Readonly<Record<ClientName, (server: TlsServer) => Promise<OpenClient>>> = {
  'node-redis': async ({ tlsPort, ca }) => {
    const client = createClient({ socket: { host, port: tlsPort, tls: true, ca } })
    client.on('error', ignore)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
  ioredis: async ({ tlsPort, ca }) => {
    const client = new Redis(tlsPort, host, { tls: { ca } })
    client.on('error', ignore)
    return { client, close: () => client.disconnect() }
  },
}
