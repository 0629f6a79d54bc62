import { Session } from 'node:inspector/promises'

/** The address of each script that V8 has compiled, by the id that a heap snapshot speaks of. */
export async function scriptUrls(): Promise<ReadonlyMap<number, string>> {
  const urls = new Map<number, string>()
  const session = new Session()
  session.connect()
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(Number(scriptId), url))
  await session.post('Debugger.enable')
  session.disconnect()
  return urls
}
