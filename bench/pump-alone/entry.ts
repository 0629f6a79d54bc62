// The only file here that looks inside src/: the pump without its job. Bundled by build.ts, never published.
import { FairYield } from '../../src/core/fair-yield.js'
import { SourcePump } from '../../src/core/source-pump.js'
import { systemClock } from '../../src/core/system-clock.js'

const UNFAIR = { due: () => undefined } as unknown as FairYield

/** Reads the source to its end; `fair: false` leaves out the look at the clock. */
export function pumpAlone(
  source: object,
  take: (item: string) => undefined,
  { fair }: { fair: boolean },
): Promise<unknown> {
  const host = { fair: fair ? new FairYield(systemClock) : UNFAIR, noteDropped() {}, onPumpClosed() {} }
  const pump = new SourcePump<string>(source, host, { take, result: (returned) => returned })
  pump.start()
  return pump.ended
}
