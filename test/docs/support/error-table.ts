import {
  CapacityError,
  CommitError,
  CursorExpiredError,
  ERROR_CODES,
  type ErrorCode,
  type GenerationJobError,
  IncompleteGenerationError,
  InvalidOptionsError,
  InvalidResultError,
  JobAlreadyExistsError,
  JobCancelledError,
  JobConflictError,
  JobNotFoundError,
  LogLimitError,
  ManagerClosedError,
  StoreError,
} from 'generation-jobs'

/** One error of each code that has a class; all other codes stand in outcomes only. */
const ERRORS: readonly GenerationJobError[] = [
  new InvalidOptionsError(''),
  new JobNotFoundError(''),
  new JobAlreadyExistsError('', 'running'),
  new JobConflictError('job.conflict', ''),
  new JobConflictError('idempotency.conflict', ''),
  new JobCancelledError('', { kind: 'user', at: 0 }),
  new LogLimitError('', ''),
  new CapacityError('capacity.pending', 1),
  new CapacityError('capacity.owner', 1),
  new CursorExpiredError('', 0),
  new IncompleteGenerationError('length'),
  new InvalidResultError(''),
  new CommitError('commit.failed', ''),
  new CommitError('commit.unknown', ''),
  new CommitError('commit.unproved', ''),
  new ManagerClosedError(),
  new StoreError('', ''),
]

/** The table of the README, from the table in the code. */
export function errorTable(): string {
  const classes = new Map<ErrorCode, string>(ERRORS.map((error) => [error.code, error.constructor.name]))
  const rows = Object.entries(ERROR_CODES).map(([code, meaning]) => {
    const name = classes.get(code as ErrorCode)
    return `| \`${code}\` | ${name ? `\`${name}\`` : ''} | ${meaning} |`
  })
  return ['| code | class | meaning, and what to do |', '|---|---|---|', ...rows].join('\n')
}
