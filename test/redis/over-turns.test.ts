import { setImmediate as macrotask } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { overTurns } from '../../src/redis/over-turns.js'
import type { Script } from '../../src/redis/scripts/script.js'

const scriptOf = (together: number): Script => ({ operation: 'create', together, text: '', sha: '' })

it('sends two batches in a turn and the others in later ones, in their order; what is never joined does not wait', async () => {
  let sent: (string | undefined)[] = []
  const send = overTurns(async (_, [name]) => {
    sent.push(name)
    return []
  })
  for (const name of ['a', 'b', 'c', 'd', 'e']) void send(scriptOf(16), [name])
  void send(scriptOf(1), ['hurry'])
  for (const expected of [['a', 'b', 'hurry'], ['c', 'd'], ['e'], []]) {
    expect(sent).toEqual(expected)
    sent = []
    await macrotask()
  }
})
