import { type Channel, channel } from 'node:diagnostics_channel'
import { MANAGER_EVENTS, type ManagerEvents } from './manager-events.js'

/**
 * Channels of `node:diagnostics_channel`, one per manager event, for tools that cannot reach the manager: `generation-jobs:started`
 * and so on, with the payload of the event. Without a subscriber they cost a look at a flag.
 */
const CHANNELS = Object.fromEntries(
  MANAGER_EVENTS.map((event) => [event, channel(`generation-jobs:${event}`)]),
) as Readonly<Record<keyof ManagerEvents, Channel>>

export function isObserved(event: keyof ManagerEvents): boolean {
  return CHANNELS[event].hasSubscribers
}

/** What a subscriber throws is Node's to report (as an uncaught exception, in a later tick); it never reaches a job. */
export function publish<E extends keyof ManagerEvents>(event: E, payload: ManagerEvents[E]): void {
  CHANNELS[event].publish(payload)
}
