/** One field of a `text/event-stream` (HTML standard, 9.2.6). */
export interface SseFrame {
  /** Line ends and NUL are taken out: the one would end the field, the other makes browsers ignore it. */
  readonly id?: string | number | undefined
  readonly data?: string | undefined
  /** Reconnect delay, milliseconds. */
  readonly retry?: number | undefined
  readonly comment?: string | undefined
}

const LINE_END = /\r\n|\r|\n/

/** A frame as text. Every line of the data gets its own field, so that no text can begin a field or end the frame. */
export function sseFrame({ id, data, retry, comment }: SseFrame): string {
  let frame = ''
  if (comment !== undefined) frame += linesOf('', comment)
  if (retry !== undefined) frame += `retry: ${retry}\n`
  if (id !== undefined) frame += `id: ${typeof id === 'number' ? id : id.replace(/[\r\n\0]/g, '')}\n`
  if (data !== undefined) frame += linesOf('data', data)
  return `${frame}\n`
}

function linesOf(field: string, text: string): string {
  if (!LINE_END.test(text)) return `${field}: ${text}\n`
  return text
    .split(LINE_END)
    .map((line) => `${field}: ${line}\n`)
    .join('')
}
