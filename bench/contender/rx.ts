import { from, lastValueFrom, Subject } from 'rxjs'
import { finalize, scan, takeUntil } from 'rxjs/operators'
import type { CancellableJob } from './cancellable-job.ts'

/** Lets the subscriber go when asked; the iterator is never told. */
export function rxLoop(source: AsyncIterable<string>): Promise<number> {
  return lastValueFrom(
    from(source).pipe(
      takeUntil(new Subject<void>()),
      scan((characters, chunk) => characters + chunk.length, 0),
    ),
  )
}

export function rxJob(source: AsyncIterable<string>): CancellableJob {
  const stop = new Subject<void>()
  const ended = new Promise<void>((resolve) => {
    from(source).pipe(takeUntil(stop), finalize(resolve)).subscribe()
  })
  return { cancel: () => stop.next(), ended }
}
