import type { WriteStream } from 'node:tty'

/** Longer lines are hard to read. */
const MAX_WIDTH = 100
const ERASE_BELOW = '\u001b[J'

/** A place for text that grows, with one status line under it. */
export interface Screen {
  /** Adds to the text; wrapped at words where the width is known. */
  write(text: string): void
  /** Ends the text line and prints a line of its own. */
  line(text: string): void
  /** Replaces the status line; shown on a terminal only. */
  status(text: string): void
  /** Prints a line on another stream without tearing the text. */
  aside(stream: NodeJS.WritableStream, text: string): void
  /** Removes the status line and ends the text. */
  close(): void
}

/** On a terminal the status line is redrawn in place; elsewhere text and lines are simply printed. */
export function createScreen(output: WriteStream | NodeJS.WritableStream): Screen {
  return isTerminal(output) ? createTerminalScreen(output) : createPlainScreen(output)
}

export function isTerminal(stream: NodeJS.WritableStream): stream is WriteStream {
  return 'isTTY' in stream && stream.isTTY === true
}

function createPlainScreen(output: NodeJS.WritableStream): Screen {
  let unfinished = false
  function write(text: string): void {
    if (text === '') return
    output.write(text)
    unfinished = !text.endsWith('\n')
  }
  function endLine(): void {
    if (unfinished) write('\n')
  }
  return {
    write,
    line(text) {
      endLine()
      write(`${text}\n`)
    },
    status() {},
    aside(stream, text) {
      stream.write(`${text}\n`)
    },
    close: endLine,
  }
}

function createTerminalScreen(output: WriteStream): Screen {
  /** The last line of the text, still growing; it fits one row of the terminal. */
  let partial = ''
  let status = ''
  /** Rows that are drawn below the finished text. */
  let rows = 0

  const width = () => Math.max(20, Math.min(output.columns || 80, MAX_WIDTH) - 1)

  /** Prints what is finished above the rows that still change. */
  function redraw(finished: readonly string[]): void {
    const erase = rows === 0 ? '' : `\r${rows > 1 ? `\u001b[${rows - 1}A` : ''}${ERASE_BELOW}`
    const live = [partial, status].filter((row) => row !== '')
    rows = live.length
    output.write(erase + finished.map((row) => `${row}\n`).join('') + live.join('\n'))
  }

  function takePartial(): readonly string[] {
    const finished = partial === '' ? [] : [partial]
    partial = ''
    return finished
  }

  return {
    write(text) {
      if (text === '') return
      const finished: string[] = []
      for (const character of text) {
        if (character === '\n') {
          finished.push(partial)
          partial = ''
          continue
        }
        partial += character
        if (columnsOf(partial) <= width()) continue
        const space = partial.lastIndexOf(' ')
        const at = space > 0 ? space : partial.length - character.length
        finished.push(partial.slice(0, at))
        partial = partial.slice(at).trimStart()
      }
      redraw(finished)
    },
    line(text) {
      redraw([...takePartial(), text])
    },
    status(text) {
      const next = [...text].slice(0, width()).join('')
      if (next === status) return
      status = next
      redraw([])
    },
    aside(stream, text) {
      const shown = status
      status = ''
      redraw(takePartial())
      stream.write(`${text}\n`)
      status = shown
      redraw([])
    },
    close() {
      status = ''
      redraw(takePartial())
    },
  }
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u

/** Columns of a text: East Asian characters and pictures take two. */
function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += WIDE.test(character) ? 2 : 1
  return columns
}
