import { hostileIterables } from './hostile-iterables.js'
import { hostileResults } from './hostile-results.js'
import type { HostileSource, HostileWorld } from './hostile-source.js'
import { hostileStreams } from './hostile-streams.js'

/** Of {@link hostileSources}. */
export type HostileSourcesOptions = HostileWorld

/** Names of {@link hostileSources}: each says what its source does wrong. */
export type HostileSourceName =
  | keyof ReturnType<typeof hostileIterables>
  | keyof ReturnType<typeof hostileResults>
  | keyof ReturnType<typeof hostileStreams>

/**
 * Every way a model's stream was seen to misbehave, as factories of fresh sources, for the tests of whatever reads one:
 * `for (const [name, make] of Object.entries(hostileSources({ clock })))`. Each factory says how a correct reader ends.
 *
 * With a virtual clock the endless sources pause in its macrotasks and the always-ready ones block it for 0.05 ms per
 * chunk. Without a clock they use real macrotasks.
 */
export function hostileSources(options: HostileSourcesOptions = {}): Record<HostileSourceName, HostileSource> {
  return { ...hostileIterables(options), ...hostileResults(), ...hostileStreams(options) }
}
