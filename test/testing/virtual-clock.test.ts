import { describe, expect, it } from 'vitest'
import { createVirtualClock } from '../../src/testing/index.js'

describe('virtual clock: time', () => {
  it('starts monotonic time at 0 and wall time where asked', () => {
    const clock = createVirtualClock({ now: 1_000 })
    expect([clock.monotonic(), clock.now()]).toEqual([0, 1_000])
  })

  it('moves both times by what was advanced', async () => {
    const clock = createVirtualClock({ now: 1_000 })
    await clock.advance(250)
    await clock.advanceTo(300)
    expect([clock.monotonic(), clock.now()]).toEqual([300, 1_300])
  })

  it('jumps the wall clock and leaves monotonic time and timers alone', async () => {
    const clock = createVirtualClock({ now: 10_000 })
    const fired: number[] = []
    clock.setTimer(100, () => fired.push(clock.monotonic()))
    clock.jumpWallClock(-5_000)
    expect([clock.now(), clock.monotonic()]).toEqual([5_000, 0])
    await clock.advance(100)
    expect(fired).toEqual([100])
  })

  it('keeps wall time a whole number of ms while blocks are fractions', () => {
    const clock = createVirtualClock({ now: 5 })
    clock.block(0.25)
    expect([clock.now(), clock.monotonic()]).toEqual([5, 0.25])
  })

  it('refuses to go back and refuses what is no time', async () => {
    const clock = createVirtualClock()
    await clock.advance(10)
    await expect(clock.advance(-1)).rejects.toThrow(RangeError)
    await expect(clock.advanceTo(9)).rejects.toThrow(RangeError)
    await expect(clock.advance(Number.NaN)).rejects.toThrow(RangeError)
    expect(() => clock.block(-1)).toThrow(RangeError)
    expect(clock.monotonic()).toBe(10)
  })

  it('throws instead of hanging when a loop waits for time that stands still', () => {
    const clock = createVirtualClock()
    expect(() => {
      while (clock.monotonic() < 5) {
        // waits for ever on a clock that nobody moves
      }
    }).toThrow(/stood still/)
  })
})

describe('virtual clock: timers', () => {
  it('fires in time order, ties in creation order, each at its own time', async () => {
    const clock = createVirtualClock()
    const fired: string[] = []
    const note = (name: string) => () => fired.push(`${name}@${clock.monotonic()}`)
    clock.setTimer(20, note('c'))
    clock.setTimer(10, note('a'))
    clock.setTimer(20, note('d'))
    clock.setTimer(15, note('b'))
    clock.setTimer(21, note('late'))
    await clock.advance(20)
    expect(fired).toEqual(['a@10', 'b@15', 'c@20', 'd@20'])
    expect(clock.timers()).toEqual([{ dueAt: 21, ms: 21, unref: false }])
  })

  it('fires no timer before it is due and none outside of advance', async () => {
    const clock = createVirtualClock()
    let fired = 0
    clock.setTimer(10, () => fired++)
    await clock.advance(9.999)
    await clock.settle()
    expect(fired).toBe(0)
    clock.block(100)
    await clock.settle()
    expect(fired).toBe(0)
    await clock.advance(0)
    expect(fired).toBe(1)
  })

  it('lets a promise chain of any length finish before the next timer fires', async () => {
    const clock = createVirtualClock()
    const order: string[] = []
    const chain = async () => {
      for (let hop = 0; hop < 1_000; hop++) await Promise.resolve()
      order.push('chain of the first')
    }
    clock.setTimer(1, () => void chain())
    clock.setTimer(1, () => order.push('second'))
    await clock.advance(1)
    expect(order).toEqual(['chain of the first', 'second'])
  })

  it('runs process.nextTick work too, which Node streams are made of', async () => {
    const clock = createVirtualClock()
    const order: string[] = []
    clock.setTimer(1, () => process.nextTick(() => void Promise.resolve().then(() => order.push('tick'))))
    clock.setTimer(2, () => order.push('second'))
    await clock.advance(2)
    expect(order).toEqual(['tick', 'second'])
  })

  it('fires timers that were created while advancing, also by a promise chain', async () => {
    const clock = createVirtualClock()
    const fired: number[] = []
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(ms, resolve))
    const done = (async () => {
      for (let round = 0; round < 3; round++) {
        await sleep(10)
        fired.push(clock.monotonic())
      }
    })()
    await clock.advance(30)
    await done
    expect(fired).toEqual([10, 20, 30])
  })

  it('fires what a chain already started sets before it moves time', async () => {
    const clock = createVirtualClock()
    const fired: number[] = []
    void Promise.resolve().then(() => clock.setTimer(5, () => fired.push(clock.monotonic())))
    await clock.advance(5)
    expect(fired).toEqual([5])
  })

  it('clears a timer by the returned function, as often as called, also from another callback of the same time', async () => {
    const clock = createVirtualClock()
    let fired = 0
    clock.setTimer(5, () => {
      clear()
      clear()
    })
    const clear = clock.setTimer(5, () => fired++)
    await clock.advance(10)
    clear()
    expect([fired, clock.timers().length]).toEqual([0, 0])
  })

  it('tells which timers do not hold the process', () => {
    const clock = createVirtualClock()
    clock.setTimer(20, () => {}, { unref: true })
    clock.setTimer(10, () => {})
    expect(clock.timers()).toEqual([
      { dueAt: 10, ms: 10, unref: false },
      { dueAt: 20, ms: 20, unref: true },
    ])
  })

  it('makes timers late when user code blocks, as a real loop does', async () => {
    const clock = createVirtualClock()
    const fired: string[] = []
    clock.setTimer(10, () => {
      fired.push(`blocks@${clock.monotonic()}`)
      clock.block(100)
    })
    clock.setTimer(20, () => fired.push(`late@${clock.monotonic()}`))
    await clock.advance(20)
    expect(fired).toEqual(['blocks@10', 'late@110'])
    expect(clock.monotonic()).toBe(110)
  })

  it('rethrows the error of a callback after the rest has run', async () => {
    const clock = createVirtualClock()
    const error = new Error('in the callback')
    let later = 0
    clock.setTimer(1, () => {
      throw error
    })
    clock.setTimer(2, () => later++)
    await expect(clock.advance(5)).rejects.toBe(error)
    expect([later, clock.monotonic()]).toEqual([1, 5])
  })

  it('collects several errors of callbacks in one', async () => {
    const clock = createVirtualClock()
    for (const name of ['a', 'b']) {
      clock.setTimer(1, () => {
        throw new Error(name)
      })
    }
    await expect(clock.advance(1)).rejects.toMatchObject({ errors: [{ message: 'a' }, { message: 'b' }] })
  })

  it('refuses delays with which a platform timer would fire at once', () => {
    const clock = createVirtualClock()
    for (const ms of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      expect(() => clock.setTimer(ms, () => {})).toThrow(RangeError)
    }
    clock.setTimer(-3, () => {})
    expect(clock.timers()).toEqual([{ dueAt: 0, ms: -3, unref: false }])
  })

  it('gives up on a timer that re-arms itself with no delay', async () => {
    const clock = createVirtualClock()
    const rearm = (): void => void clock.setTimer(0, rearm)
    rearm()
    // One drain per firing: the real loop is entered 100_000 times.
    await expect(clock.advance(1)).rejects.toThrow(/re-arms/)
  })

  it('refuses a second advance while one runs, and works again afterwards', async () => {
    const clock = createVirtualClock()
    const first = clock.advance(10)
    await expect(clock.advance(10)).rejects.toThrow(/still running/)
    await first
    await clock.advance(10)
    expect(clock.monotonic()).toBe(20)
  })
})

describe('virtual clock: macrotask yields', () => {
  it('serves yields in settle without moving time or firing timers', async () => {
    const clock = createVirtualClock()
    let fired = 0
    let rounds = 0
    clock.setTimer(0, () => fired++)
    void (async () => {
      for (; rounds < 20; rounds++) await clock.yieldMacrotask()
    })()
    await clock.settle()
    expect([rounds, fired, clock.monotonic(), clock.pendingYields()]).toEqual([20, 0, 0, 0])
  })

  it('ends settle although a loop yields for ever', async () => {
    const clock = createVirtualClock({ maxYieldRounds: 7 })
    let rounds = 0
    let stop = false
    void (async () => {
      for (; !stop; rounds++) await clock.yieldMacrotask()
    })()
    await clock.settle()
    expect(rounds).toBe(7)
    stop = true
    await clock.settle()
    expect(clock.pendingYields()).toBe(0)
  })

  it('fires a due timer between two yields of a loop that blocks, and stops near the target', async () => {
    const clock = createVirtualClock()
    let fired: number | undefined
    clock.setTimer(10, () => {
      fired = clock.monotonic()
    })
    void (async () => {
      for (;;) {
        clock.block(4)
        await clock.yieldMacrotask()
      }
    })()
    await clock.advance(20)
    expect(fired).toBe(12)
    expect(clock.monotonic()).toBe(28) // asked for 4 + 20; the last block ran past it
  })

  it('reaches a far timer although a loop yields for ever', async () => {
    const clock = createVirtualClock()
    let fired = 0
    clock.setTimer(1_000, () => fired++)
    clock.setTimer(2_000, () => fired++)
    void (async () => {
      for (;;) await clock.yieldMacrotask()
    })()
    await clock.advance(2_000)
    expect([fired, clock.monotonic()]).toEqual([2, 2_000])
  })

  it('keeps yields back until they are served by hand when frozen', async () => {
    const clock = createVirtualClock({ frozenMacrotasks: true })
    let rounds = 0
    void (async () => {
      for (; rounds < 3; rounds++) await clock.yieldMacrotask()
    })()
    await clock.settle()
    await clock.advance(100)
    expect([rounds, clock.pendingYields()]).toEqual([0, 1])
    await clock.serveYields()
    expect([rounds, clock.pendingYields()]).toEqual([1, 1])
  })

  it('runs microtasks alone, without serving a yield', async () => {
    const clock = createVirtualClock()
    let hops = 0
    let yielded = false
    void clock.yieldMacrotask().then(() => {
      yielded = true
    })
    void (async () => {
      for (;;) {
        await Promise.resolve()
        if (++hops >= 10) return
      }
    })()
    await clock.runMicrotasks()
    expect([hops, yielded]).toEqual([10, false])
  })
})
