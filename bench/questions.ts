import type { Question } from './measure/row.ts'
import { allocated } from './question/allocated.ts'
import { cancelAll } from './question/cancel-all.ts'
import { cancelOne } from './question/cancel-one.ts'
import { fairness } from './question/fairness.ts'
import { memory } from './question/memory.ts'
import { pump } from './question/pump.ts'
import { register } from './question/register.ts'
import { retained } from './question/retained.ts'
import { wholeJob } from './question/whole-job.ts'

/** All questions by the name that the command takes, in the order of the report. */
export const QUESTIONS: Readonly<Record<string, Question>> = {
  pump,
  'whole-job': wholeJob,
  'cancel-one': cancelOne,
  'cancel-all': cancelAll,
  register,
  memory,
  allocated,
  fairness,
  retained,
}
