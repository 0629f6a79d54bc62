import { each, run, type Stream, stream } from 'effection'

export async function effectionLoop(source: AsyncIterable<string>): Promise<number> {
  return run(function* () {
    let characters = 0
    for (const chunk of yield* each(stream(source) as Stream<string, unknown>)) {
      characters += chunk.length
      yield* each.next()
    }
    return characters
  })
}
