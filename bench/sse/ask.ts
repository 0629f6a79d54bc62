import { alternate, type Contender, type Taken } from '../measure/alternate.ts'
import { type Listener, serve } from './server.ts'
import { type Asked, type Got, startViewers, type Viewers } from './viewers.ts'

export interface Viewed {
  readonly taken: Taken
  /** Of the body, per chunk. */
  readonly bytes: number
}

export interface ViewOptions {
  readonly clients: number
  readonly chunks: number
  readonly rounds: number
}

/** What a chunk to a client costs the server's process, by contender; the clients live in another. */
export async function viewed<Name extends string>(
  routes: Readonly<Record<Name, Listener>>,
  { clients, chunks, rounds }: ViewOptions,
): Promise<Record<Name, Viewed>> {
  const server = await serve(routes)
  const viewers = await startViewers()
  const names = Object.keys(routes) as Name[]
  const bytes = new Map<Name, number>()
  const contender = (name: Name): Contender => {
    return () => async () => {
      const got = await watchAll(viewers, { url: `${server.origin}/${name}`, clients, chunks })
      bytes.set(name, got.bytes / got.events)
    }
  }
  const contenders = Object.fromEntries(names.map((name) => [name, contender(name)])) as Record<Name, Contender>
  try {
    const taken = await alternate(contenders, {
      // A thousand connections take seconds.
      rounds: clients > 100 ? Math.min(rounds, 3) : rounds,
      units: clients * chunks,
      // They settle each other's garbage; what has run three times is compiled, as on a server that has served some requests.
      ...(clients > 100 && { settleMs: 0 }),
    })
    const entries = names.map((name) => [name, { taken: taken[name], bytes: bytes.get(name) ?? 0 }])
    return Object.fromEntries(entries) as Record<Name, Viewed>
  } finally {
    viewers.close()
    server.close()
  }
}

/** @throws {Error} when not every chunk has come to every client, because then the wrong thing was measured */
export async function watchAll(viewers: Viewers, { chunks, ...asked }: Asked & { chunks: number }): Promise<Got> {
  const got = await viewers.watch(asked)
  const wanted = asked.clients * chunks
  if (got.events !== wanted) throw new Error(`${asked.url}: ${got.events} of ${wanted} chunks arrived`)
  return got
}
