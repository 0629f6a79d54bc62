import { spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { cleanEnvironment } from './support/run-example.ts'
import { terminalRows } from './support/terminal.ts'

const main = fileURLToPath(new URL('../../examples/generate-dialogue/main.ts', import.meta.url))
/** `script` of util-linux gives a program a terminal; the one of BSD and macOS takes other arguments. */
const SCRIPT = 'script'
const hasScript = spawnSync(SCRIPT, ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false

/** Runs the program on a terminal of its own and types Ctrl-C as soon as the text is shown. */
function runOnTerminal(args: string, interruptAt?: string) {
  const cwd = temporaryDirectory()
  const command = `stty columns 60; exec '${process.execPath}' '${main}' --seed 7 ${args}`
  const child = spawn(SCRIPT, ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
    cwd,
    env: cleanEnvironment(),
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let bytes = ''
  let typed = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    bytes += text
    if (typed || interruptAt === undefined || !bytes.includes(interruptAt)) return
    typed = true
    child.stdin.write('\u0003')
  })
  return new Promise<{ code: number | null; bytes: string; files: readonly string[] }>((resolve) => {
    child.on('close', (code) => resolve({ code, bytes, files: readdirSync(cwd) }))
  })
}

describe.skipIf(!hasScript)('on a terminal (needs `script` of util-linux)', () => {
  it('shows a progress line below the text, and nothing of it in the end', async () => {
    const { code, bytes, files } = await runOnTerminal('--pace 1')
    expect(code).toBe(0)
    expect(files).toEqual(['dialogues'])
    expect(bytes).toMatch(/⠋|⠙/)
    expect(bytes).toMatch(/Generating · \d\.\d s · \d+ tokens · Ctrl-C/)
    const rows = terminalRows(bytes)
    expect(rows.join('\n')).not.toContain('Ctrl-C')
    expect(rows.filter((row) => row.length > 60 && !/event=|Modèle|enregistré/.test(row))).toEqual([])
    expect(rows.join(' ')).toMatch(
      /▸ Generating .*Mira : .* 1\. .*▸ Validating .*Génération terminée .*Dialogue enregistré/,
    )
  })

  it('takes Ctrl-C as an interrupt: both messages, a tidy log line, exit code 130, no file', async () => {
    const { code, bytes, files } = await runOnTerminal('--pace 0.5', 'tokens')
    expect(code).toBe(130)
    expect(files).toEqual([])
    expect(terminalRows(bytes).slice(-5)).toEqual([
      'Interruption en cours...',
      expect.stringMatching(
        /^\d\d:\d\d:\d\d Génération annulée par utilisateur - job_id: .*, durée: .*s, étape: Generating event=job\.cancelled reason=user .*forced=false/,
      ),
      'Génération interrompue',
      'Aucun fichier écrit',
      '',
    ])
  })
})
