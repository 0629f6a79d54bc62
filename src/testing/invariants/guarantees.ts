import { oneEnd } from './g1-one-end.js'
import { boundedEnd, promptEnd } from './g2-bounded-cancel.js'
import { sourcesLetGo } from './g3-sources.js'
import { cleanupOnce } from './g4-cleanup.js'
import { settledIsReleased } from './g5-settled-is-released.js'
import { noPartialCommit } from './g6-no-partial-commit.js'
import { noOutputAfterCancel } from './g7-no-output-after-cancel.js'
import { firstReasonWins } from './g8-first-reason-wins.js'
import { disconnectIsNoCancel } from './g9-disconnect.js'
import { nothingLeft } from './g11-nothing-left.js'
import { fenced } from './g12-fencing.js'
import { honestAnswers } from './g13-honest-answers.js'
import type { Invariant } from './invariant.js'

/** What generation-jobs guarantees, as far as it can be seen from outside; the names are those of the README. */
export const GUARANTEES: readonly Invariant[] = [
  oneEnd,
  boundedEnd,
  promptEnd,
  sourcesLetGo,
  cleanupOnce,
  settledIsReleased,
  noPartialCommit,
  noOutputAfterCancel,
  firstReasonWins,
  disconnectIsNoCancel,
  nothingLeft,
  fenced,
  honestAnswers,
]
