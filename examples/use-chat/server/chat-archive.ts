import type { UIMessage } from 'ai'

/** Stands in for your database: the messages of each chat. */
export interface ChatArchive {
  read(owner: string, chatId: string): readonly UIMessage[]
  write(owner: string, chatId: string, messages: readonly UIMessage[]): Promise<void>
}

/** @param maxChats the oldest beyond this are forgotten: it is memory. */
export function createChatArchive(maxChats = 1_000): ChatArchive {
  const chats = new Map<string, readonly UIMessage[]>()
  const keyOf = (owner: string, chatId: string) => JSON.stringify([owner, chatId])
  return {
    read: (owner, chatId) => chats.get(keyOf(owner, chatId)) ?? [],
    async write(owner, chatId, messages) {
      chats.delete(keyOf(owner, chatId))
      chats.set(keyOf(owner, chatId), messages)
      for (const oldest of chats.keys()) {
        if (chats.size <= maxChats) break
        chats.delete(oldest)
      }
    },
  }
}
