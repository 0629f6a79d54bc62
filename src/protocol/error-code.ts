/**
 * Every error code of this library, with what it means and what to do. The README's table is made from it.
 *
 * Codes are stable; messages are not.
 */
export const ERROR_CODES = {
  'options.invalid': 'An argument or option is wrong. Read the message: it says what was expected and what came.',
  'job.not-found': 'No record has this id: it never existed, or its retention ended.',
  'job.exists': 'A job with this id is recorded already. Ids are unique per generation; leave `jobId` out to get one.',
  'job.conflict': 'The group has a live job. Wait for it, cancel it, or register with `onConflict: "replace"`.',
  'job.cancelled': 'The job was cancelled; `reason` says why. Stop working and let the error pass.',
  'job.log-limit': 'The job emitted more than `maxLogEvents` or `maxLogBytes`. Raise the limit or emit less.',
  'job.expired': 'The record was gone before its end could be read.',
  'idempotency.conflict': 'The idempotency key was used with another request. Use a new key for a new request.',
  'capacity.pending': 'Too many jobs wait for a slot. Try again later, or raise `maxPendingJobs`.',
  'capacity.owner': 'This owner has too many jobs in this process. Wait for one to end.',
  'cursor.expired': 'The events after this cursor are no longer kept. Read the status instead.',
  'generation.incomplete': 'The source ended before the text was whole; `finish` says why. Nothing was saved.',
  'result.invalid': 'The result did not pass validation; `issues` lists what is wrong. Nothing was saved.',
  'commit.failed': '`save` threw. The result may or may not be stored: look it up by job id and fencing token.',
  'commit.unknown': '`save` gave no answer in time. The result may be stored: look it up by job id and fencing token.',
  'commit.unproved': 'Ownership could not be proved in time, so `save` was not called.',
  'owner.lost': 'The process that ran the job died or stalled. Nothing was saved; register a new job.',
  'manager.closed': 'The manager drains or is closed. Register with another server.',
  'store.failed': 'The job store failed or gave no answer in time; `operation` names the call.',
  'producer.failed': 'The producer threw an error of its own; it is the `cause`, in this process only.',
  'provider.rate-limited': 'The model provider limits the rate. Retry later.',
  'provider.unauthorized': 'The model provider refused the credentials.',
  'provider.unavailable': 'The model provider cannot be reached or is overloaded.',
  'provider.refused': 'The model provider refused the request.',
  'provider.malformed': 'The model provider sent something that cannot be read.',
  'provider.truncated': 'The stream of the model provider ended without a finish reason.',
  'provider.failed': 'The model provider failed in another way.',
  'request.unauthorized': 'Nobody is signed in, or `authorize` refused. Sign in and try again.',
  'request.forbidden-origin': 'The page is of another origin. List it in `allowedOrigins`.',
  'request.not-found': 'No route has this path. Check `basePath` and `baseUrl`.',
  'request.method': 'The route has another method; the `Allow` header names it.',
  'request.timeout': 'The body of the request did not arrive within `bodyTimeoutMs`.',
  'request.too-large': 'The body of the request is above `maxBodyBytes`.',
  'server.failed': 'The server failed in a way that nobody foresaw; its log says where.',
  'client.busy': 'A run of this client is live. Wait for its end, or call `reset()`.',
  'client.connection-lost':
    'The server could not be reached again in time. The job may go on: attach to it with its id.',
  'client.unexpected-answer':
    'The answer is not ours: a proxy, a wrong `baseUrl`, missing rights. Look at the answer in the network panel.',
  'client.disposed': 'The client was disposed. Make a new one.',
} as const

/** A code of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES

/** Whether the string is a code of this library. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code)
}
