/** Turns the JSON of a dialogue, as it arrives, into text that a person reads. */
export interface DialoguePreview {
  /** What the next piece of JSON adds to the text; never throws, whatever the piece. */
  push(chunk: string): string
}

type Container = { readonly kind: 'object'; key: string } | { readonly kind: 'array'; index: number }

/** May stand before the object: blanks, and a code fence with its language, as far as they have come. */
const CODE_FENCE = /^\s*(?:`{0,2}|```\w*\s*)$/

/** How a value is shown: what stands before and after it. */
interface Frame {
  readonly before: string
  readonly after: string
}

/**
 * Follows the JSON character by character and shows the strings that make up the scene: title, speaker, line, choices and
 * their tests. Text that is no JSON is shown as it is. Control characters are left out: a model must not steer a terminal.
 */
export function createDialoguePreview(): DialoguePreview {
  const containers: Container[] = []
  let mode: 'before' | 'between' | 'string' | 'raw' = 'before'
  let prefix = ''
  let isKey = false
  let escaped = ''
  let word = ''
  let frame: Frame | undefined
  let hasSpeaker = false
  let highSurrogate = ''

  function push(chunk: string): string {
    let shown = ''
    for (const character of chunk.split('')) shown += step(character)
    return shown
  }

  function step(character: string): string {
    switch (mode) {
      case 'before':
        if (character === '{') return enter({ kind: 'object', key: '' })
        prefix += character
        if (CODE_FENCE.test(prefix)) return ''
        mode = 'raw'
        return prefix.split('').map(printable).join('')
      case 'raw':
        return printable(character)
      case 'between':
        return between(character)
      case 'string':
        return inString(character)
    }
  }

  function between(character: string): string {
    const inside = containers.at(-1)
    if (character === '{') return enter({ kind: 'object', key: '' })
    if (character === '[') return enter({ kind: 'array', index: 0 })
    if (character === '}' || character === ']') containers.pop()
    if (character === ',' && inside?.kind === 'array') inside.index += 1
    if (character === ',' && inside?.kind === 'object') inside.key = ''
    if (character !== '"') return ''
    mode = 'string'
    word = ''
    isKey = inside?.kind === 'object' && inside.key === ''
    frame = isKey ? undefined : frameOf(containers.map((entry) => (entry.kind === 'object' ? entry.key : entry.index)))
    return frame?.before ?? ''
  }

  function inString(character: string): string {
    if (escaped !== '') return inEscape(character)
    if (character === '\\') {
      escaped = character
      return ''
    }
    if (character === '"') return leaveString()
    return showUnit(character)
  }

  function inEscape(character: string): string {
    escaped += character
    if (escaped[1] === 'u' && escaped.length < 6) return ''
    const unit = unescapeUnit(escaped)
    escaped = ''
    return showUnit(unit)
  }

  function leaveString(): string {
    mode = 'between'
    const inside = containers.at(-1)
    if (isKey && inside?.kind === 'object') inside.key = word
    const after = frame?.after ?? ''
    frame = undefined
    return after
  }

  function showUnit(unit: string): string {
    if (isKey) word += unit
    return frame ? printable(unit) : ''
  }

  /** Halves of a character come one by one and leave together. */
  function printable(unit: string): string {
    if (/[\ud800-\udbff]/.test(unit)) {
      highSurrogate = unit
      return ''
    }
    const whole = /[\udc00-\udfff]/.test(unit) ? highSurrogate + unit : unit
    highSurrogate = ''
    return whole === '\n' ? whole : whole.replace(/[\p{Cc}\p{Cs}]/gu, ' ')
  }

  function enter(container: Container): string {
    mode = 'between'
    containers.push(container)
    return ''
  }

  function frameOf(path: readonly (string | number)[]): Frame | undefined {
    switch (path.join('.').replace(/\.\d+\./, '.*.')) {
      case 'title':
        return { before: '\n« ', after: ' »\n' }
      case 'node.speaker':
        hasSpeaker = true
        return { before: '\n', after: '' }
      case 'node.line':
        return { before: hasSpeaker ? ' : ' : '\n', after: '\n' }
      case 'node.choices.*.text':
        return { before: `\n  ${Number(path[2]) + 1}. `, after: '' }
      case 'node.choices.*.test':
        return { before: ' [', after: ']' }
      default:
        return undefined
    }
  }

  return { push }
}

const ESCAPES: Record<string, string> = { n: '\n', t: ' ', r: ' ', b: ' ', f: ' ' }

function unescapeUnit(escaped: string): string {
  if (escaped[1] === 'u') return String.fromCharCode(Number.parseInt(escaped.slice(2), 16) || 0xfffd)
  return ESCAPES[escaped[1] ?? ''] ?? escaped.slice(1)
}
