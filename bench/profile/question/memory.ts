import { HELD_JOBS } from '../../contender/held-jobs.ts'
import { bytesOfOne, HELD } from '../heap/bytes-of-one.ts'
import type { Profile } from '../profile.ts'

export const memory: Profile = {
  title: `Heap of one job of ${HELD}, by what holds it`,
  take: async () => [
    ...(await bytesOfOne('waiting job in `run.stream()`', HELD_JOBS.streaming)),
    ...(await bytesOfOne('waiting job in a promise', HELD_JOBS.waiting)),
    ...(await bytesOfOne('job in the queue', HELD_JOBS.queued)),
    ...(await bytesOfOne('settled job', HELD_JOBS.settled)),
  ],
}
