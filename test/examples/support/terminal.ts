const ESCAPE = '\u001b'
const PART = new RegExp(`${ESCAPE}\\[(?<count>\\d*)(?<command>[A-Za-z])|[\\s\\S]`, 'gu')

/** The rows that a terminal shows after these bytes: text, line feed, cursor up, erase below; colours do not matter. */
export function terminalRows(bytes: string): string[] {
  const rows = ['']
  let row = 0
  for (const match of bytes.matchAll(PART)) {
    const { count, command } = match.groups ?? {}
    const [text] = match
    if (command === 'A') row -= Number(count)
    else if (command === 'J') rows.splice(row, Number.POSITIVE_INFINITY, '')
    else if (text === '\n') {
      row += 1
      rows[row] ??= ''
    } else if (command === undefined && text !== '\r') rows[row] += text
  }
  return rows
}
