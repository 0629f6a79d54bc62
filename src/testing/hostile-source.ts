import type { GenerationSource } from '../core/generation-source.js'
import type { Clock } from '../protocol/clock.js'

/**
 * How a correct pump ends with a source:
 * - `completes`: by itself, with {@link HostileSource.text}
 * - `fails`: by itself, with an error
 * - `completes-or-fails`: by itself; which of the two is the pump's choice, hanging is not
 * - `cancelled`: never by itself; a cancel releases the source, nothing has to be forced
 * - `forced`: never by itself; no cancel can release the source, so the end must say that it was forced
 * - `cancelled-or-forced`: never by itself; whether what it answers counts as released is the pump's choice
 */
export type HostileEnding =
  | 'completes'
  | 'fails'
  | 'completes-or-fails'
  | 'cancelled'
  | 'forced'
  | 'cancelled-or-forced'

/** Makes a fresh source at each call, and says what is wrong with it and how a correct pump must end. */
export interface HostileSource {
  (): GenerationSource
  readonly ending: HostileEnding
  /** The whole text, where the ending is `completes`. */
  readonly text?: string | undefined
  /** Id of the trap in the project's list of measured runtime traps. */
  readonly trap: string
  readonly description: string
}

/** What the sources use of the outside. */
export interface HostileWorld {
  /** Gives the macrotask between two chunks. @defaultValue the system clock */
  clock?: (Clock & { block?(ms: number): void }) | undefined
}

/** A source that completes names its text: `['completes', 'ab']`. */
export function hostile(
  trap: string,
  end: Exclude<HostileEnding, 'completes'> | readonly ['completes', string],
  description: string,
  make: () => GenerationSource,
): HostileSource {
  const [ending, text] = typeof end === 'string' ? [end] : end
  return Object.assign(() => make(), { trap, ending, text, description })
}

/** Lets time pass in a hot source: on a clock that stands still no pump can be fair. */
export function burn({ clock }: HostileWorld): void {
  clock?.block?.(0.05)
}
