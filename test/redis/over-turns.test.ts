import { setImmediate as macrotask } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { overTurns } from '../../src/redis/over-turns.js'
import type { Script } from '../../src/redis/scripts/script.js'

const scriptOf = (operation: Script['operation']): Script => ({ operation, together: 16, text: '', sha: '' })

it('sends two batches in a turn and the others in later ones, in their order; all but what begins and ends jobs passes', async () => {
  let sent: (string | undefined)[] = []
  const send = overTurns(async (_, [name]) => {
    sent.push(name)
    return []
  })
  for (const name of ['a', 'b', 'c']) void send(scriptOf('create'), [name])
  for (const name of ['d', 'e']) void send(scriptOf('settle'), [name])
  void send(scriptOf('append'), ['passes'])
  for (const expected of [['a', 'b', 'passes'], ['c', 'd'], ['e'], []]) {
    expect(sent).toEqual(expected)
    sent = []
    await macrotask()
  }
})

it('keeps nobody waiting for more than a few turns, however many come: turns of a busy process are long', async () => {
  let sent = 0
  const send = overTurns(async () => {
    sent++
    return []
  })
  for (let batch = 0; batch < 1_000; batch++) void send(scriptOf('settle'), [])
  let turns = 0
  for (; sent < 1_000; turns++) await macrotask()
  expect(turns).toBeLessThan(15)
})
