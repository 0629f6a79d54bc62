import { onTestFinished } from 'vitest'
import { type Answer, type FakeProvider, startFakeProvider } from './fake-provider.js'

/** A fake provider for one test. */
export async function fakeProvider(answer?: Answer | ((index: number) => Answer)): Promise<FakeProvider> {
  const provider = await startFakeProvider(answer)
  onTestFinished(() => provider.close())
  return provider
}
