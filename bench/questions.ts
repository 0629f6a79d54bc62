import type { Question } from './measure/row.ts'
import { allocated } from './question/allocated.ts'
import { bundleSize } from './question/bundle-size.ts'
import { cancelAll } from './question/cancel-all.ts'
import { cancelOne } from './question/cancel-one.ts'
import { context } from './question/context.ts'
import { fairness } from './question/fairness.ts'
import { growth } from './question/growth.ts'
import { importTime } from './question/import-time.ts'
import { memory } from './question/memory.ts'
import { orchestrator } from './question/orchestrator.ts'
import { pump } from './question/pump.ts'
import { redisAppend } from './question/redis-append.ts'
import { redisCancel } from './question/redis-cancel.ts'
import { redisPublish } from './question/redis-publish.ts'
import { redisRegister } from './question/redis-register.ts'
import { redisReplay } from './question/redis-replay.ts'
import { register } from './question/register.ts'
import { resume } from './question/resume.ts'
import { retained } from './question/retained.ts'
import { sseBroadcast } from './question/sse-broadcast.ts'
import { sseBurst } from './question/sse-burst.ts'
import { sseConnect } from './question/sse-connect.ts'
import { ssePaced } from './question/sse-paced.ts'
import { wholeJob } from './question/whole-job.ts'

/** All questions by the name that the command takes, in the order of the report. */
export const QUESTIONS: Readonly<Record<string, Question>> = {
  pump,
  'whole-job': wholeJob,
  orchestrator,
  context,
  'cancel-one': cancelOne,
  'cancel-all': cancelAll,
  register,
  memory,
  retained,
  allocated,
  fairness,
  growth,
  resume,
  'sse-burst': sseBurst,
  'sse-paced': ssePaced,
  'sse-broadcast': sseBroadcast,
  'sse-connect': sseConnect,
  'redis-append': redisAppend,
  'redis-publish': redisPublish,
  'redis-replay': redisReplay,
  'redis-cancel': redisCancel,
  'redis-register': redisRegister,
  'import-time': importTime,
  'bundle-size': bundleSize,
}
