// Tests a producer in every order in which its model, its database and a person's cancel can come. The naive one passes any
// test that cancels while text streams; the explorer finds the moment in which it tells "cancelled" and has saved.
// Run: node examples/test-your-producer/main.ts
import { GenerationJobManager, type Producer } from 'generation-jobs'
import { explore, replay, type Scenario } from 'generation-jobs/testing'
import { naiveStory, type StoryParts, story } from './story-producers.ts'

/** One job of this producer. The model, the save and the cancel happen when the explorer says so. */
function storyJob(make: (parts: StoryParts) => Producer<string>): Scenario {
  return async (world) => {
    const saved: string[] = []
    const producer = make({
      model: () => world.source('model', { chunks: ['Once ', 'upon a time.'] }),
      library: {
        async save(text) {
          await world.event('save')
          saved.push(text)
        },
      },
    })

    const manager = world.manager(GenerationJobManager)
    const job = await manager.register(producer, { jobId: 'story' })
    world.action('cancel', () => job.cancel({ by: 'the reader' }))
    const { status } = await job.settled

    // What the library guarantees is checked by itself; this is what the application promises.
    if (status === 'cancelled' && saved.length > 0)
      throw new Error('the reader was told "cancelled", and the story is saved')
    if (status === 'completed' && saved.join() !== 'Once upon a time.')
      throw new Error('the story is not saved as a whole')
  }
}

// No time limit passes here: it is the person's cancel that is looked at.
const options = { timeSteps: 0 }
const found = await explore(storyJob(naiveStory), options)
if (!found.violation) throw new Error('the naive producer was expected to fail')
console.log(`naive: ${found.violation.message}\n`)
console.log(`${found.violation.trace}\n`)

// The line of the schedule is a test of its own: paste it, fix the producer, keep it.
const { violation } = await replay(storyJob(story), 'model.next model.next model.next cancel save')
const { schedules, violation: another } = await explore(storyJob(story), options)
if (violation || another) throw new Error(String(violation ?? another))
console.log(`fixed: ${schedules} schedules, no violation`)
