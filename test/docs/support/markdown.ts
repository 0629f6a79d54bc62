import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../../', import.meta.url))

export interface CodeBlock {
  readonly language: string
  readonly text: string
  /** Of its first line, from 1. */
  readonly line: number
}

export type Row = Readonly<Record<string, string>>

/** What the tests look at in a document. The documents are ours, so this knows only the markdown that they use. */
export interface Markdown {
  readonly path: string
  readonly text: string
  readonly blocks: readonly CodeBlock[]
  /** Anchors of its headings, as GitHub makes them. */
  readonly anchors: readonly string[]
  /** Targets of its links outside of code. */
  readonly links: readonly string[]
  /** The rows of the first table below a heading, each cell by the name of its column. */
  tableBelow(heading: string, skip?: number): readonly Row[]
}

export function readMarkdown(path: string): Markdown {
  const text = readFileSync(root + path, 'utf8')
  const lines = text.split('\n')
  const blocks: CodeBlock[] = []
  const prose: string[] = []
  let open: { language: string; lines: string[]; line: number } | undefined
  for (const [index, line] of lines.entries()) {
    const fence = /^```(\w*)/.exec(line)
    if (fence && open) {
      blocks.push({ language: open.language, text: open.lines.join('\n'), line: open.line })
      open = undefined
    } else if (fence) open = { language: fence[1] ?? '', lines: [], line: index + 2 }
    else if (open) open.lines.push(line)
    else prose.push(line)
  }
  return {
    path,
    text,
    blocks,
    anchors: prose.filter((line) => /^#+ /.test(line)).map(anchorOf),
    links: [...prose.join('\n').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? ''),
    tableBelow(heading, skip = 0) {
      const start = prose.indexOf(heading)
      const end = prose.findIndex((line, index) => index > start && /^#+ /.test(line))
      const section = start < 0 ? [] : prose.slice(start, end < 0 ? undefined : end)
      return tables(section)[skip] ?? []
    },
  }
}

function anchorOf(heading: string): string {
  return heading
    .replace(/^#+ /, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
}

function tables(lines: readonly string[]): Row[][] {
  const found: Row[][] = []
  let names: string[] | undefined
  for (const line of lines) {
    if (!line.startsWith('|')) {
      names = undefined
    } else if (!names) {
      names = cellsOf(line)
      found.push([])
    } else if (!/^[|\s:-]+$/.test(line)) {
      const cells = cellsOf(line)
      if (cells.length !== names.length)
        throw new Error(`a row has ${cells.length} cells, not ${names.length}: ${line}`)
      found.at(-1)?.push(Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])))
    }
  }
  return found
}

function cellsOf(line: string): string[] {
  return line
    .replace(/^\|/, '')
    .replace(/\|\s*$/, '')
    .split('|')
    .map((cell) => cell.trim())
}

/** The names in code spans of a cell or a paragraph. */
export function spansIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => span ?? '')
}
