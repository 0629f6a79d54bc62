import { Session } from 'node:inspector/promises'
import type { Contender } from '../../measure/alternate.ts'
import { repeat } from '../repeat.ts'
import { type CpuSamples, samplesIn } from './samples.ts'
import { Windows } from './windows.ts'

export const SAMPLING_INTERVAL_US = 100
/** Until the compiler is through with it. */
const WARM_MS = 3_000
const MEASURED_MS = 4_000

export interface SampledWork extends CpuSamples {
  readonly windows: Windows
}

/** Lets the contender work again and again, warm, and samples what this process does while it works. */
export async function sampleWork(contender: Contender): Promise<SampledWork> {
  await repeat(contender, WARM_MS)
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLING_INTERVAL_US })
    await session.post('Profiler.start')
    const windows = new Windows()
    await repeat(contender, MEASURED_MS, (work) => windows.during(work))
    const { profile } = await session.post('Profiler.stop')
    return { ...samplesIn(profile, windows), windows }
  } finally {
    session.disconnect()
  }
}
