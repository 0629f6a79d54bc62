import type { Connection, OpenConnection } from './subscriber-connection.js'

export interface Listener {
  onMessage(message: string): void
  /** The channel is heard from now on: the first time, and again after every loss of the connection. */
  onSubscribed?(): void
}

interface Channel {
  listener: Listener | undefined
  isSubscribed: boolean
  isChanging: boolean
}

/**
 * The channels that this store listens to, on one connection that is open as long as there is one: so nothing of it is left when
 * the last watcher has gone, and no `close()` is needed. What the server is told about a channel is one thing at a time, and in order.
 */
export class Subscriptions {
  readonly #open: OpenConnection
  readonly #channels = new Map<string, Channel>()
  #connection: Connection | undefined

  constructor(open: OpenConnection) {
    this.#open = open
  }

  add(name: string, listener: Listener): void {
    const channel = this.#channels.get(name) ?? { listener, isSubscribed: false, isChanging: false }
    channel.listener = listener
    this.#channels.set(name, channel)
    this.#connection ??= this.#open({
      onMessage: (from, message) => this.#channels.get(from)?.listener?.onMessage(message),
      onReady: () => this.#catchUp(),
    })
    void this.#bringAbout(name, channel, this.#connection)
  }

  remove(name: string): void {
    const channel = this.#channels.get(name)
    if (!channel || !this.#connection) return
    channel.listener = undefined
    if ([...this.#channels.values()].every(({ listener }) => !listener)) return this.#close(this.#connection)
    void this.#bringAbout(name, channel, this.#connection)
  }

  /** Hints were lost while there was no connection, and a client without a queue refused what it was asked meanwhile. */
  #catchUp(): void {
    const connection = this.#connection
    if (!connection) return
    for (const [name, channel] of [...this.#channels]) {
      if (channel.isSubscribed) channel.listener?.onSubscribed?.()
      else void this.#bringAbout(name, channel, connection)
    }
  }

  #close(connection: Connection): void {
    this.#connection = undefined
    this.#channels.clear()
    connection.close()
  }

  /** Subscribes or unsubscribes until the server has what is wanted. A failure is a lost hint; the next connection tries again. */
  async #bringAbout(name: string, channel: Channel, connection: Connection): Promise<void> {
    if (channel.isChanging) return
    channel.isChanging = true
    try {
      while (this.#connection === connection && channel.isSubscribed !== Boolean(channel.listener)) {
        if (channel.listener) {
          await connection.subscribe(name)
          channel.isSubscribed = true
          if (this.#connection === connection) channel.listener?.onSubscribed?.()
        } else {
          await connection.unsubscribe(name)
          channel.isSubscribed = false
        }
      }
    } catch {
      // lost hints
    } finally {
      channel.isChanging = false
    }
    if (!channel.listener && this.#channels.get(name) === channel) this.#channels.delete(name)
  }
}
