import assert from 'node:assert/strict'
import { isGapless, isOver, openDevice } from './device.ts'
import type { Say } from './narrator.ts'

/** Two devices of one person follow a story. The second interrupts it, and its request lands on the server that does not write it. */
export async function interruptElsewhere(proxyUrl: string, say: Say): Promise<void> {
  const laptop = openDevice('laptop', proxyUrl, say)
  const phone = openDevice('phone', proxyUrl, say)
  await laptop.client.start({ about: 'a dragon' })
  const { jobId = '' } = await laptop.until(({ lastSeq }) => lastSeq > 5)
  await phone.client.attach(jobId)
  await phone.until(({ lastSeq }) => lastSeq > 20)

  say('phone', 'presses Interrupt')
  const pressedAt = performance.now()
  await phone.client.interrupt()
  const ends = await Promise.all([laptop.until(isOver), phone.until(isOver)])
  const ms = Math.round(performance.now() - pressedAt)

  for (const { phase, text } of ends) {
    assert.equal(phase, 'interrupted')
    assert.equal(text, ends[0].text)
  }
  assert(isGapless(laptop.seen) && isGapless(phone.seen))
  say('both', `show it ${ms} ms after the press, with the same ${laptop.seen.length} events`)
  laptop.client.dispose()
  phone.client.dispose()
}
