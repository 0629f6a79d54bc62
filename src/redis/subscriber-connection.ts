import {
  type IoRedisSubscriber,
  isNodeRedis,
  type NodeRedisSubscriber,
  type RedisClient,
  type RedisSubscriber,
} from './redis-client.js'

/** A connection to listen on. */
export interface Connection {
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  /** Lets go of everything, at once. A connection that the application gave is left open, without our channels. */
  close(): void
}

export interface ConnectionEvents {
  readonly onMessage: (channel: string, message: string) => void
  /** It is connected: for the first time, or again after a loss. */
  readonly onReady: () => void
}

export type OpenConnection = (events: ConnectionEvents) => Connection

/** Listens on the application's own subscriber, or on a connection of the store's own, made as the client's was. */
export function subscriberConnection(client: RedisClient, subscriber: RedisSubscriber | undefined): OpenConnection {
  return (events) => {
    if (isNodeRedis(client)) {
      return nodeRedisConnection(
        (subscriber as NodeRedisSubscriber | undefined) ?? client.duplicate(),
        !subscriber,
        events,
      )
    }
    return ioRedisConnection((subscriber as IoRedisSubscriber | undefined) ?? client.duplicate(), !subscriber, events)
  }
}

const ignore = () => {}

function nodeRedisConnection(subscriber: NodeRedisSubscriber, isOwn: boolean, events: ConnectionEvents): Connection {
  const channels = new Set<string>()
  const onMessage = (message: unknown, channel: unknown) => events.onMessage(String(channel), String(message))
  const { onReady } = events
  if (isOwn) subscriber.on('error', ignore) // without a listener it would end the process; it reconnects by itself
  subscriber.on('ready', onReady)
  const connected = isOwn ? subscriber.connect() : Promise.resolve()
  connected.catch(ignore)
  return {
    async subscribe(channel) {
      await connected
      channels.add(channel)
      await subscriber.subscribe(channel, onMessage)
    },
    async unsubscribe(channel) {
      channels.delete(channel)
      await subscriber.unsubscribe(channel, onMessage)
    },
    close() {
      subscriber.off('ready', onReady)
      if (isOwn) return void subscriber.destroy()
      for (const channel of channels) subscriber.unsubscribe(channel, onMessage).catch(ignore)
    },
  }
}

function ioRedisConnection(subscriber: IoRedisSubscriber, isOwn: boolean, events: ConnectionEvents): Connection {
  const channels = new Set<string>()
  const onMessage = (channel: string, message: string) => events.onMessage(channel, message)
  const onReady = (): void => {
    const again = isOwn ? [...channels].map((channel) => subscriber.subscribe(channel)) : []
    Promise.all(again).then(events.onReady, ignore)
  }
  if (isOwn) {
    subscriber.on('error', ignore)
    // What ioredis subscribes again by itself is an unhandled rejection when the connection is closed meanwhile.
    Reflect.set(subscriber.options, 'autoResubscribe', false)
  }
  subscriber.on('ready', onReady)
  subscriber.on('message', onMessage)
  return {
    async subscribe(channel) {
      channels.add(channel)
      await subscriber.subscribe(channel)
    },
    async unsubscribe(channel) {
      channels.delete(channel)
      await subscriber.unsubscribe(channel)
    },
    close() {
      subscriber.off('ready', onReady)
      subscriber.off('message', onMessage)
      if (isOwn) return void subscriber.disconnect()
      for (const channel of channels) subscriber.unsubscribe(channel).catch(ignore)
    },
  }
}
