// The node that owns the jobs, and a bare subscriber beside it, in a process of its own: what it hears comes from another machine,
// as far as its event loop can tell. Asked for a job over IPC, it answers its id, and when it is cancelled the instant.
import { argv } from 'node:process'
import { bareConnection, type ClientName, nodeOn } from './nodes.ts'
import { BARE_CHANNEL, type Heard, instant } from './remote-owner.ts'

const [, , client, port] = argv
const owner = await nodeOn(client as ClientName, Number(port))
const subscriber = await bareConnection(client as ClientName, Number(port))
await subscriber.subscribe(BARE_CHANNEL, () => tell({ at: instant() }))

process.on('message', async () => {
  const job = await owner.manager.register(
    (run) =>
      new Promise<void>((resolve) => {
        run.token.onCancel(() => {
          tell({ at: instant() })
          resolve()
        })
      }),
  )
  tell({ jobId: job.jobId })
})
process.once('disconnect', async () => {
  await owner.close()
  subscriber.close()
})
tell({ ready: true })

function tell(heard: Heard): void {
  process.send?.(heard)
}
