import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ChatPage } from './chat-page.tsx'
import { openChat } from './open-chat.ts'

const root = document.getElementById('root')
if (!root) throw new Error('The page has no place for the app.')
const { chat, note } = await openChat()
createRoot(root).render(
  <StrictMode>
    <ChatPage chat={chat} note={note} />
  </StrictMode>,
)
