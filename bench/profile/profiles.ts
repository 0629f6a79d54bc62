import type { Profile } from './profile.ts'
import { cancelAll } from './question/cancel-all.ts'
import { cancelOne } from './question/cancel-one.ts'
import { memory } from './question/memory.ts'
import { redisCancel } from './question/redis-cancel.ts'
import { redisRegister } from './question/redis-register.ts'
import { register } from './question/register.ts'
import { sseBurst } from './question/sse-burst.ts'
import { wholeJob } from './question/whole-job.ts'

/** All profiles by the name of their question, in the order of the report. */
export const PROFILES: Readonly<Record<string, Profile>> = {
  'whole-job': wholeJob,
  'cancel-one': cancelOne,
  'cancel-all': cancelAll,
  register,
  memory,
  'sse-burst': sseBurst,
  'redis-cancel': redisCancel,
  'redis-register': redisRegister,
}
