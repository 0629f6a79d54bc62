import { Chat } from '@ai-sdk/react'
import type { UIMessage } from 'ai'
import { GenerationChatTransport } from './generation-chat-transport.ts'
import { isAnswerKept, readChat } from './jobs-api.ts'

const API = '/api/chat'

/** What the page says about the last stop. */
export interface StopNote {
  get(): string
  subscribe(listener: () => void): () => void
}

/** The chat of the address (`#chat=…`), as the server has it, with the answer that is still being written. */
export async function openChat(): Promise<{ chat: Chat<UIMessage>; note: StopNote }> {
  const id = new URLSearchParams(location.hash.slice(1)).get('chat') ?? crypto.randomUUID()
  history.replaceState(null, '', `#chat=${id}`)
  const { messages, jobId } = await readChat(API, id)
  const listeners = new Set<() => void>()
  let text = ''
  const say = (next: string) => {
    text = next
    for (const listener of listeners) listener()
  }
  const transport = new GenerationChatTransport({
    api: API,
    jobId,
    onStopping: () => say('Interruption en cours...'),
    onStopped(answer) {
      say(answer.message)
      // What goes wrong with it is in `chat.error`. A question that was asked meanwhile is not disturbed.
      if (isAnswerKept(answer) && chat.status === 'ready') void chat.resumeStream()
    },
  })
  const chat = new Chat<UIMessage>({
    id,
    messages,
    transport,
    onData: ({ type, data }) => {
      if (type === 'data-cancelling') say(String(data)) // somebody stopped it in another tab
    },
    onFinish: ({ message }) => {
      const { ended } = (message.metadata ?? {}) as { ended?: string }
      if (ended) say(ended)
    },
  })
  const note: StopNote = {
    get: () => text,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return { chat, note }
}
