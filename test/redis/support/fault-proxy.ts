import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * What the way to a server does: passes everything on; accepts bytes and answers nothing (`black-hole`, a cut cable); does what it is
 * told and loses the answer (`lose-replies`); passes everything on late, but in order (`slow`); refuses connections.
 */
export type Fault = 'none' | 'black-hole' | 'lose-replies' | 'slow' | 'refuse'

/** How late each piece is on a slow way. */
const SLOW_MS = 60

export interface FaultProxy {
  readonly port: number
  /** From now on, for connections that are open too. `refuse` resets those. */
  set(fault: Fault): Promise<void>
  /** Resets what is open now. */
  reset(): void
  /** Leads to another server from now on, and resets what is open now. */
  leadTo(target: number): void
  close(): Promise<void>
}

export async function faultProxy(firstTarget: number): Promise<FaultProxy> {
  const pairs = new Set<readonly [Socket, Socket]>()
  let fault: Fault = 'none'
  let target = firstTarget
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true })
    const pair = [near, far] as const
    pairs.add(pair)
    pass(near, far, () => fault === 'black-hole')
    pass(far, near, () => fault === 'black-hole' || fault === 'lose-replies')
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => {
        pairs.delete(pair)
        near.destroy()
        far.destroy()
      })
    }
  })
  function pass(from: Socket, to: Socket, isLost: () => boolean): void {
    let before = Promise.resolve()
    from.on('data', (bytes) => {
      if (isLost()) return
      const lateness = fault === 'slow' ? delay(SLOW_MS) : undefined
      before = before.then(() => lateness).then(() => void to.write(bytes))
    })
  }
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
  }
  await listen(0)
  const { port } = server.address() as AddressInfo
  const reset = (): void => {
    for (const [near] of pairs) near.resetAndDestroy()
  }
  return {
    port,
    reset,
    leadTo(next) {
      target = next
      reset()
    },
    async set(next) {
      const isListening = server.listening
      fault = next
      if (next === 'refuse' && isListening) {
        reset()
        server.close()
        await once(server, 'close')
      } else if (next !== 'refuse' && !isListening) await listen(port)
    },
    async close() {
      reset()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}
