import { type Chat, useChat } from '@ai-sdk/react'
import type { UIMessage } from 'ai'
import { type FormEvent, useState, useSyncExternalStore } from 'react'
import type { StopNote } from './open-chat.ts'

export function ChatPage({ chat, note }: { readonly chat: Chat<UIMessage>; readonly note: StopNote }) {
  const { messages, sendMessage, status, stop, error } = useChat({ chat, resume: true })
  const [question, setQuestion] = useState('')
  const noteText = useSyncExternalStore(note.subscribe, note.get)
  const isBusy = status === 'submitted' || status === 'streaming'

  function ask(event: FormEvent) {
    event.preventDefault()
    if (!question.trim() || isBusy) return
    void sendMessage({ text: question })
    setQuestion('')
  }

  return (
    <main data-status={status}>
      <h1>useChat</h1>
      <ol className="messages">
        {messages.map(({ id, role, parts }) => (
          <li key={id} data-role={role}>
            {parts.map((part) => (part.type === 'text' ? part.text : ''))}
          </li>
        ))}
      </ol>
      {error && <p role="alert">{error.message}</p>}
      {noteText && <p role="status">{noteText}</p>}
      <form onSubmit={ask}>
        <input aria-label="Question" value={question} onChange={(event) => setQuestion(event.target.value)} />
        <button type="submit" disabled={isBusy}>
          Envoyer
        </button>
        <button type="button" disabled={!isBusy} onClick={() => void stop()}>
          Interrompre
        </button>
      </form>
    </main>
  )
}
