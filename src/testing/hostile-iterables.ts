import { systemClock } from '../core/system-clock.js'
import { burn, type HostileWorld, hostile } from './hostile-source.js'
import type { SourceFaults } from './recorded-source.js'
import { scriptedSource } from './scripted-source.js'

/** Async iterables that hang, never end, or misbehave when they are closed. */
export function hostileIterables(world: HostileWorld) {
  return {
    neverYields: hostile('T04', 'forced', 'first next() never settles; return() queues behind it', () =>
      generatorThatHangs([]),
    ),
    yieldsThenHangs: hostile('T04', 'forced', 'two chunks, then as neverYields', () => generatorThatHangs(['a', 'b'])),
    stalls: hostile('T08', 'cancelled', 'a chunk, then silence; return() and abort() work', () =>
      scriptedSource(['a', { do: 'hang' }]),
    ),
    ignoresSignal: hostile('T08', 'cancelled-or-forced', 'goes on for ever; return() and abort() change nothing', () =>
      endless(world, { deaf: true }),
    ),
    yieldsAfterReturn: hostile(
      'T08',
      'cancelled-or-forced',
      'silent until return(), which answers the pending next() with a chunk and makes each later one yield',
      yieldsAfterReturn,
    ),
    alwaysReady: hostile('T14', 'cancelled', 'next() is always settled already, for ever: timers and I/O starve', () =>
      scriptedSource(['x'], { hot: true, repeat: true, onNext: () => burn(world) }),
    ),
    alwaysReadyGenerator: hostile('T14', 'cancelled', 'a generator that awaits settled promises only, for ever', () =>
      hotGenerator(world),
    ),
    returnHangs: hostile('T05', 'forced', 'goes on for ever; return() never settles', () =>
      endless(world, { deaf: true, returnHangs: true }),
    ),
    returnThrows: hostile('T05', 'cancelled-or-forced', 'goes on for ever; return() throws synchronously', () =>
      endless(world, { deaf: true, returnThrows: true }),
    ),
    returnRejects: hostile('T06', 'cancelled-or-forced', 'goes on for ever; return() rejects', () =>
      endless(world, { deaf: true, returnRejects: true }),
    ),
    returnMissing: hostile('T05', 'cancelled-or-forced', 'goes on for ever; has no return()', () =>
      withoutReturn(world),
    ),
    yieldsInFinally: hostile('T04', 'cancelled-or-forced', 'finally yields: return() answers done: false', () =>
      yieldsInFinally(world),
    ),
    nextRejectsLate: hostile('T06', 'cancelled', 'the pending next() rejects after return() has resolved', () =>
      scriptedSource(['a', { do: 'hang' }], { nextRejectsLate: true, clock: world.clock }),
    ),
  }
}

/** Chunks without an end, each in a macrotask of its own. */
function endless({ clock }: HostileWorld, faults: SourceFaults) {
  return scriptedSource([{ do: 'yield' }, 'x'], { ...faults, clock, repeat: true })
}

async function* generatorThatHangs(chunks: string[]) {
  yield* chunks
  await new Promise(() => {})
}

async function* hotGenerator(world: HostileWorld) {
  for (;;) {
    await Promise.resolve()
    burn(world)
    yield 'x'
  }
}

async function* yieldsInFinally({ clock = systemClock }: HostileWorld) {
  try {
    for (;;) {
      await clock.yieldMacrotask()
      yield 'x'
    }
  } finally {
    yield 'after return'
  }
}

function withoutReturn(world: HostileWorld): AsyncIterable<string> {
  const inner = endless(world, {})[Symbol.asyncIterator]() as AsyncIterator<string>
  return { [Symbol.asyncIterator]: () => ({ next: () => inner.next() }) }
}

function yieldsAfterReturn(): AsyncIterable<string> {
  const late: IteratorResult<string> = { done: false, value: 'late' }
  let answer: ((result: IteratorResult<string>) => void) | undefined
  let returned = false
  return {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        new Promise((resolve) => {
          if (returned) resolve(late)
          else answer = resolve
        }),
      return() {
        returned = true
        answer?.(late)
        return Promise.resolve({ done: true, value: undefined })
      },
    }),
  }
}
