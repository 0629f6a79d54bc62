import { type CancelOptions, type CancelResult, GenerationJobManager } from 'generation-jobs'
import { ExplorerError, explore, type Invariant, replay, type Scenario } from 'generation-jobs/testing'
import { describe, expect, it } from 'vitest'
import { streamAndSave } from './scenarios/one-job.js'

/** Two events in a row, and an action beside them. */
const twoEvents: Scenario = async (world) => {
  world.action('tap', () => world.note('tapped'))
  await world.event('first', { error: false })
  await world.event('second', { error: false })
}

const noInvariants = { invariants: [] }

function never(what: string): Invariant {
  return {
    id: 'X',
    rule: `never ${what}`,
    world: (history) => (history.of('note').some(({ text }) => text === what) ? `it was ${what}` : undefined),
  }
}

describe('explore', () => {
  it('goes through every order of what can happen, once', async () => {
    const seen: string[] = []
    const watched: Scenario = async (world) => {
      const order: string[] = []
      world.action('tap', () => order.push('tap'))
      await world.event('first', { error: false })
      order.push('first')
      await world.event('second', { error: false })
      order.push('second')
      seen.push(order.join(' '))
    }
    const { schedules, isComplete } = await explore(watched, { ...noInvariants, sameTick: false })
    expect(schedules).toBe(3)
    expect(isComplete).toBe(true)
    // The first schedule is played two times more, to see that it is under control.
    expect(seen.slice(2)).toEqual(['first second', 'first tap second', 'tap first second'])
  })

  it('tries each distance in microtasks, in both orders', async () => {
    const { schedules } = await explore(twoEvents, { ...noInvariants, sameTick: 2 })
    // 3 without a pair; first+tap, second+tap and tap+first, first then tap+second: 3 distances each
    expect(schedules).toBe(3 + 4 * 3)
  })

  it('tries errors and further outcomes', async () => {
    const outcomes = new Set<string>()
    const scenario: Scenario = async (world) => {
      const outcome = await world.event('ask', { value: 'ok', outcomes: { other: () => 'other' } }).catch(() => 'error')
      outcomes.add(outcome)
    }
    const { schedules } = await explore(scenario, noInvariants)
    expect(schedules).toBe(3)
    expect([...outcomes].sort()).toEqual(['error', 'ok', 'other'])
  })

  it('tries every set of things that never happen', async () => {
    const scenario: Scenario = async (world) => {
      const limit = new Promise<void>((resolve) => void world.clock.setTimer(100, resolve))
      await Promise.race([Promise.all([world.event('a.one'), world.event('a.two')]), limit])
    }
    const options = { ...noInvariants, errors: false, timeSteps: 0 }
    const { schedules } = await explore(scenario, { ...options, stalls: ['one', 'two'] })
    expect(schedules).toBe(2 + 1 + 1 + 1)
  })

  it('lets a limit pass while something is still to come, as often as it may', async () => {
    const ends = new Set<string>()
    const scenario: Scenario = async (world) => {
      const limit = new Promise<string>((resolve) => void world.clock.setTimer(100, () => resolve('limit')))
      ends.add(await Promise.race([world.event('answer', { value: 'answer', error: false }), limit]))
    }
    await explore(scenario, { ...noInvariants, timeSteps: 0 })
    expect([...ends]).toEqual(['answer'])
    await explore(scenario, { ...noInvariants, timeSteps: 1 })
    expect([...ends]).toEqual(['answer', 'limit'])
  })

  it('does not go on from a state that it knows, for parts that have nothing to do with each other', async () => {
    const scenario: Scenario = async (world) => {
      const part = async (name: string): Promise<void> => {
        const source = world.source(name, { chunks: 2, errors: false })
        for await (const chunk of source as AsyncIterable<string>) if (chunk === '') break
      }
      await Promise.all([part('a'), part('b'), part('c')])
    }
    const all = await explore(scenario, noInvariants)
    const pruned = await explore(scenario, { ...noInvariants, prune: true })
    expect(all.schedules).toBe(1_680) // 9! / (3! 3! 3!)
    expect(pruned.states).toBe(63) // 4³, less the end
    expect(pruned.schedules).toBeLessThan(30)
  })

  it('gives the same schedules at random for the same seed, and tells a seed it made', async () => {
    const played: string[] = []
    const noting: Invariant = {
      id: 'noting',
      rule: 'notes',
      world: (history, { isOver }) => {
        if (isOver) played.push(history.all.map((fact) => fact.step).join(''))
        return undefined
      },
    }
    const random = { mode: 'random', maxSchedules: 20, invariants: [noting] } as const
    const first = await explore(twoEvents, { ...random, seed: 7 })
    const again = await explore(twoEvents, { ...random, seed: 7 })
    expect(played.slice(0, played.length / 2)).toEqual(played.slice(played.length / 2))
    expect(first).toMatchObject({ seed: 7, schedules: again.schedules, isComplete: false })
    expect((await explore(twoEvents, random)).seed).toEqual(expect.any(Number))
  })

  it('fails when there are not as many schedules as were pinned', async () => {
    const pinned = explore(twoEvents, { ...noInvariants, sameTick: false, expectSchedules: 4 })
    await expect(pinned).rejects.toThrow(/Expected 4 schedules, explored 3: what can happen has changed/)
    await explore(twoEvents, { ...noInvariants, sameTick: false, expectSchedules: 3 })
  })
})

describe('a violation', () => {
  const onlyInOneTick: Scenario = async (world) => {
    let isBusy = false
    world.action('tap', () => isBusy && world.note('tapped while busy'))
    for (let count = 0; count < 4; count++) {
      await world.event('work')
      isBusy = true
      for (let hop = 0; hop < 3; hop++) await undefined
      isBusy = false
    }
  }

  it('is found where it takes two things in one tick, and shrinks to the shortest schedule', async () => {
    const invariants = [never('tapped while busy')]
    const { violation } = await explore(onlyInOneTick, { invariants, errors: false })
    expect(violation).toMatchObject({ invariant: 'X', schedule: 'work+tap@1' })
    expect(violation?.message).toBe('X never tapped while busy: it was tapped while busy')
    expect((await explore(onlyInOneTick, { invariants, errors: false, sameTick: false })).violation).toBeUndefined()
  })

  it('shrinks what was found at random', async () => {
    const invariants = [never('tapped while busy')]
    const { violation, seed } = await explore(onlyInOneTick, { invariants, mode: 'random', maxSchedules: 500, seed: 3 })
    expect(violation?.schedule, `seed ${seed}`).toBe('work+tap@1')
  })

  it('is played again from its string, with a trace to read', async () => {
    const { violation } = await explore(onlyInOneTick, { invariants: [never('tapped while busy')], errors: false })
    const again = await replay(onlyInOneTick, violation?.schedule ?? '', { invariants: [never('tapped while busy')] })
    expect(again.violation?.message).toBe(violation?.message)
    expect(String(again.trace)).toBe(
      ['schedule: work+tap@1', '  0      0 ms  (start)', '  1      0 ms  work+tap@1  tapped while busy'].join('\n'),
    )
    expect(String(violation)).toBe(`${violation?.message}\n${again.trace}`)
  })

  it('is a scenario that throws', async () => {
    const scenario: Scenario = async (world) => {
      await world.event('work')
    }
    const { violation } = await explore(scenario, noInvariants)
    expect(violation).toMatchObject({
      invariant: 'scenario',
      message: 'The scenario failed: Error: work failed',
      schedule: 'work!',
    })
  })

  it('is a job that breaks a guarantee, seen from outside', async () => {
    class Hasty extends GenerationJobManager {
      override cancel(jobId: string, options?: CancelOptions): Promise<CancelResult> {
        void super.cancel(jobId, options)
        return Promise.resolve({ outcome: 'not-found', jobId })
      }
    }
    const scenario: Scenario = async (world) => {
      const manager = world.manager(Hasty)
      const job = await manager.register(streamAndSave(world), { jobId: 'a' })
      world.action('cancel', () => job.cancel({ by: 'somebody' }))
      await job.settled
    }
    const { violation } = await explore(scenario)
    expect(violation).toMatchObject({ invariant: 'G13', schedule: 'cancel' })
    expect(violation?.message).toContain('cancel #1 was answered not-found, but its record said running (job a)')
  })
})

describe('bad input gives a clear error', () => {
  it('for a scenario that never settles', async () => {
    const waits: Scenario = (world) =>
      Promise.race([world.event('answer'), new Promise(() => {})]).catch(() => undefined)
    const { violation } = await explore(waits, { ...noInvariants, stalls: ['answer'] })
    expect(violation).toMatchObject({ invariant: 'settles', schedule: 'stall=answer' })
    expect(violation?.message).toMatch(/never settles: nothing is left that could happen, and it waits for answer/)
    const asksForEver: Scenario = async (world) => {
      for (;;) await world.event('more', { error: false })
    }
    const endless = await explore(asksForEver, { ...noInvariants, maxSteps: 30 })
    expect(endless.violation?.message).toMatch(/never settles: it took 30 steps, and it waits for more/)
  })

  it('for one that waits for a real timer', async () => {
    const real: Scenario = async (world) => {
      await new Promise((resolve) => void setTimeout(resolve, 20))
      await world.event('answer')
    }
    await expect(explore(real, noInvariants)).rejects.toThrow(
      /moved by something that the world does not control: a real timer/,
    )
  })

  it('for one that decides by itself', async () => {
    let count = 0
    const counts: Scenario = (world) => world.event(`answer${count++ % 2}`)
    await expect(explore(counts, noInvariants)).rejects.toThrow(/One schedule played twice gave two traces/)
    let calls = 0
    const later: Scenario = async (world) => {
      await world.event('answer', { error: false })
      if (++calls > 3) await world.event('more', { error: false })
      else await world.event('last', { error: false })
    }
    const other = explore(later, { ...noInvariants, errors: false, stalls: [] })
    await expect(other.then(() => explore(later, noInvariants))).resolves.toBeDefined()
    const changing: Scenario = async (world) => {
      world.action('tap', () => undefined)
      await world.event(++calls > 8 ? 'more' : 'last', { error: false })
    }
    calls = 5
    await expect(explore(changing, noInvariants)).rejects.toThrow(/led to something else the second time/)
  })

  it.each([
    ['second', /step 1 is "second", but then only this can happen: first, tap, or two of them as a pair/],
    ['first second third', /the scenario was over before "third"/],
    ['first first', /step 2 is "first", but then only this can happen: second, tap/],
    ['first+tap@x', /step 1 is "first\+tap@x"/],
    ['stall=nothing first', /no event of this scenario is a nothing/],
    ['tap+tap@0', /step 1 is "tap\+tap@0"/],
  ])('for the impossible schedule %j', async (schedule, message) => {
    const playing = replay(twoEvents, schedule, noInvariants)
    await expect(playing).rejects.toThrow(ExplorerError)
    await expect(replay(twoEvents, schedule, noInvariants)).rejects.toThrow(message)
  })

  it('for names that could not stand in a schedule, and for two actions of one name', async () => {
    await expect(explore((world) => world.event('two words'), noInvariants)).rejects.toThrow(/A name of the world/)
    const twice: Scenario = (world) => {
      world.action('tap', () => undefined)
      world.action('tap', () => undefined)
    }
    await expect(explore(twice, noInvariants)).rejects.toThrow(/two actions named tap/)
  })

  it('for a class that no event has', async () => {
    const wrong = explore(twoEvents, { ...noInvariants, errors: false, stalls: ['frist'] })
    await expect(wrong).rejects.toThrow(/no event of this scenario is a frist; there are first, second/)
  })

  it('for a wrong distance', async () => {
    await expect(explore(twoEvents, { sameTick: -1 })).rejects.toThrow(/sameTick: expected false or a whole number/)
  })
})

it('plays one schedule twice with the same trace', async () => {
  const scenario: Scenario = async (world) => {
    const manager = world.manager(GenerationJobManager)
    const job = await manager.register(streamAndSave(world), { jobId: 'a' })
    world.action('cancel', () => job.cancel({ by: 'somebody' }))
    await job.settled
  }
  const schedule = 's.next s.next+cancel@2 cleanup'
  const first = await replay(scenario, schedule)
  expect(String((await replay(scenario, schedule)).trace)).toBe(String(first.trace))
  expect(first.violation).toBeUndefined()
  expect(String(first.trace)).toContain('a: running → cancelling (user by somebody)')
})
