// Register, stream, cancel, settled: all of it in one process. Run: node examples/in-memory/main.ts
import { setTimeout as wait } from 'node:timers/promises'
import { GenerationJobManager } from 'generation-jobs'

const manager = new GenerationJobManager({ locale: 'en' })

async function* countSheep() {
  for (let sheep = 1; ; sheep += 1) {
    yield `${sheep} sheep, `
    await wait(10)
  }
}

const job = await manager.register((run) => run.stream(countSheep()), { owner: 'ada' })
for await (const event of job.events()) {
  console.log(event)
  if (event.type === 'chunk' && event.content.startsWith('5 ')) await job.cancel({ by: 'ada' })
}
const outcome = await job.settled
console.log(outcome.status, outcome.cleanup, manager.stats().jobs)
await manager.close()
