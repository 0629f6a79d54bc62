import { simulateReadableStream, streamText } from 'ai'
import { MockLanguageModelV4 } from 'ai/test'

/** `streamText` on the SDK's own mock model, whose text comes in so many deltas; no request is made. */
function streamOf(chunks: number): ReturnType<typeof streamText> {
  const usage = {
    inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: chunks, text: chunks, reasoning: 0 },
  }
  const delta = { type: 'text-delta' as const, id: '1', delta: 'word ' }
  return streamText({
    model: new MockLanguageModelV4({
      doStream: async () => ({
        stream: simulateReadableStream({
          initialDelayInMs: null,
          chunkDelayInMs: null,
          chunks: [
            { type: 'text-start' as const, id: '1' },
            ...Array.from({ length: chunks }, () => delta),
            { type: 'text-end' as const, id: '1' },
            { type: 'finish' as const, finishReason: { unified: 'stop' as const, raw: 'stop' }, usage },
          ],
        }),
      }),
    }),
    prompt: 'x',
  })
}

export async function fullStream(chunks: number): Promise<void> {
  let seen = 0
  for await (const part of streamOf(chunks).fullStream) if (part.type === 'text-delta') seen++
  if (seen !== chunks) throw new Error(`fullStream gave ${seen} chunks`)
}

export async function uiMessageStream(chunks: number): Promise<void> {
  let seen = 0
  for await (const part of streamOf(chunks).toUIMessageStream()) if (part.type === 'text-delta') seen++
  if (seen !== chunks) throw new Error(`toUIMessageStream gave ${seen} chunks`)
}
