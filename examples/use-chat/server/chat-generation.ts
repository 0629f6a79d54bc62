import { convertToModelMessages, type LanguageModel, streamText, type UIMessage } from 'ai'
import type { Producer } from 'generation-jobs'
import { fromAiSdk } from 'generation-jobs/providers'
import { z } from 'zod'
import type { ChatArchive } from './chat-archive.ts'

const textPart = z.object({ type: z.literal('text'), text: z.string() })

/** What the page sends: the chat up to the question. Text only; what the AI SDK adds to a part is left out. */
export const chatRequest = z.strictObject({
  chatId: z.string().min(1).max(100),
  messages: z
    .array(
      z.object({
        id: z.string().max(256),
        role: z.enum(['user', 'assistant']),
        parts: z.array(z.unknown()).transform((parts) => parts.flatMap((part) => textPart.safeParse(part).data ?? [])),
      }),
    )
    .min(1)
    .max(200),
})

export type ChatRequest = z.infer<typeof chatRequest>

/** Answers the last message. The question is kept at once, the answer when it is whole: a stopped one is never saved. */
export function answerProducer(
  { chatId, messages }: ChatRequest,
  { model, archive, owner }: { model: LanguageModel; archive: ChatArchive; owner: string },
): Producer<string> {
  return async (run) => {
    await archive.write(owner, chatId, messages)
    const prompt = await convertToModelMessages(messages)
    const answer = fromAiSdk((_, { signal: abortSignal }) =>
      streamText({ model, messages: prompt, abortSignal, onError: () => {} }),
    )
    const { text } = await run.stream(await answer({ prompt: '' }, run))
    const message: UIMessage = { id: run.jobId, role: 'assistant', parts: [{ type: 'text', text }] }
    await run.commit(() => archive.write(owner, chatId, [...messages, message]))
    return text
  }
}
