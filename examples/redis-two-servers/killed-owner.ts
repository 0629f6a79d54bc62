import assert from 'node:assert/strict'
import { isGapless, isOver, openDevice } from './device.ts'
import type { Say } from './narrator.ts'
import type { ServerProcess } from './server-process.ts'

/** The server that writes the story is killed. Nobody is left in doubt for longer than its lease. */
export async function killOwner(proxyUrl: string, servers: readonly ServerProcess[], say: Say): Promise<void> {
  const laptop = openDevice('laptop', proxyUrl, say)
  const phone = openDevice('phone', proxyUrl, say)
  await laptop.client.start({ about: 'a lighthouse' })
  const { jobId = '', step } = await laptop.until(({ lastSeq }) => lastSeq > 5)
  await phone.client.attach(jobId)
  await phone.until(({ lastSeq }) => lastSeq > 20)

  const owner = servers.find(({ name }) => step === `Writing on ${name}`)
  assert(owner)
  const killedAt = performance.now()
  await owner.kill()
  say(owner.name, 'is killed (SIGKILL): no goodbye, no cleanup')
  const ends = await Promise.all([laptop.until(isOver), phone.until(isOver)])
  const ms = Math.round(performance.now() - killedAt)

  for (const { error, text } of ends) {
    assert.equal(error?.code, 'owner.lost')
    assert.equal(text, ends[0].text)
  }
  assert(isGapless(laptop.seen) && isGapless(phone.seen))
  say('both', `know it ${ms} ms after the kill, with the same ${laptop.seen.length} events, no gap: owner.lost`)
  laptop.client.dispose()
  phone.client.dispose()
}
