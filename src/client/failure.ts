import type { ClientMessages } from '../protocol/client-messages.js'
import type { Answer, Body } from './answer.js'
import type { GenerationFailure } from './generation-state.js'

/** The error of an answer `{ error: { code, message } }`; without an answer the connection is to blame. */
export function failureOfAnswer(words: ClientMessages, answer: Answer | undefined): GenerationFailure {
  const error: Body = Object(answer?.body.error)
  if (error.code) return failure(words, error)
  const code = answer ? 'client.unexpected-answer' : 'client.connection-lost'
  return { code, message: words.errors[code] }
}

/** What a server says about an error, on the stream or in a body; its sentence comes with it. */
export function failure(words: ClientMessages, error: Body): GenerationFailure {
  const { code = 'producer.failed', message = words.failed, issues } = error
  return { code: String(code), message: String(message), ...(Array.isArray(issues) && { issues }) }
}
