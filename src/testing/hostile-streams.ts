import { burn, type HostileWorld, hostile } from './hostile-source.js'

/** Web streams that cannot be read, fail, never end, or misbehave when they are cancelled. */
export function hostileStreams(world: HostileWorld) {
  return {
    streamLocked: hostile('T12', 'fails', 'a ReadableStream that somebody else reads already', () => {
      const stream = new ReadableStream<string>()
      stream.getReader()
      return stream
    }),
    streamErrors: hostile('T12', 'fails', 'a chunk, then read() rejects', () => {
      let pulls = 0
      return new ReadableStream<string>({
        pull(controller) {
          if (++pulls === 1) controller.enqueue('a')
          else controller.error(new Error('stream failed'))
        },
      })
    }),
    streamStalls: hostile(
      'T12',
      'cancelled',
      'read() never settles; cancel() works, the iterator of the stream hangs',
      () => new ReadableStream<string>({ start: (controller) => controller.enqueue('a') }),
    ),
    streamAlwaysReady: hostile(
      'T14',
      'cancelled',
      'a chunk is ready at every read(), for ever',
      () =>
        new ReadableStream<string>({
          pull(controller) {
            burn(world)
            controller.enqueue('x')
          },
        }),
    ),
    streamCancelHangs: hostile(
      'T12',
      'forced',
      'cancel() of its source never settles',
      () =>
        new ReadableStream<string>({
          start: (controller) => controller.enqueue('a'),
          cancel: () => new Promise<void>(() => {}),
        }),
    ),
    streamCancelRejects: hostile(
      'T12',
      'cancelled-or-forced',
      'cancel() of its source rejects',
      () =>
        new ReadableStream<string>({
          start: (controller) => controller.enqueue('a'),
          cancel: () => Promise.reject(new Error('cancel() rejected')),
        }),
    ),
  }
}
