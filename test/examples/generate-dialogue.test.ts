import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { validateUnityNodes } from '../../src/dialogue/index.js'
import { temporaryDirectory } from '../dialogue/support/temporary-directory.js'
import { answerEvents, startProvider, writeEvents } from './support/provider-server.ts'
import { type ExampleOptions, startExample } from './support/run-example.ts'

/** Holds the trained model, so that the first test trains it for all. */
const cache = mkdtempSync(path.join(tmpdir(), 'generation-jobs-cache-'))
afterAll(() => rmSync(cache, { recursive: true, force: true }))

function start(args: readonly string[], options: Partial<ExampleOptions> = {}) {
  const cwd = options.cwd ?? temporaryDirectory()
  const run = startExample('generate-dialogue/main.ts', ['--cache', cache, ...args], { ...options, cwd })
  return { ...run, cwd, files: () => filesIn(path.join(cwd, 'dialogues')) }
}

function filesIn(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const jsonLines = (text: string) =>
  text
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))

describe('a generation that is left alone', () => {
  it('shows its steps and its text, writes the whole dialogue and prints its path', async () => {
    const run = start(['--seed', '7', '--characters', 'Ada,Bob', '--max-choices', '3', 'The lost letter'])
    expect(await run.ended, run.stderr()).toEqual({ code: 0, signal: null })
    expect(run.stdout()).toMatch(
      /Modèle .*▸ Prompting\n▸ Generating\n.*▸ Validating\n▸ Committing\n.*Génération terminée/s,
    )
    const [file = ''] = run.files()
    expect(run.files()).toEqual([expect.stringMatching(/^[0-9a-f-]{36}\.json$/)])
    expect(run.stdout()).toContain(`Dialogue enregistré : ${path.join('dialogues', file)}`)
    const nodes = readJson(path.join(run.cwd, 'dialogues', file))
    validateUnityNodes(nodes)
    expect(nodes).toMatchObject([{ id: 'START', speaker: 'Ada', line: expect.any(String) }])
    expect(run.stdout().replaceAll('\n', ' ')).toContain(`Ada : ${nodes[0].line}`)
    for (const { text } of nodes[0].choices) expect(run.stdout()).toContain(`. ${text}`)
  })

  it('logs what happened as JSON on stderr, and nothing that was generated or prompted', async () => {
    const run = start(['--fast', 'The lost letter'])
    await run.ended
    const lines = jsonLines(run.stderr())
    expect(lines.map(({ event }) => event)).toEqual(['job.registered', 'job.started', 'job.completed'])
    expect(lines.at(-1).msg).toMatch(/^Génération terminée, cleanup automatique - job_id: .*, durée: \d+\.\d\ds$/)
    const [{ line }] = readJson(path.join(run.cwd, 'dialogues', run.files()[0] ?? ''))
    expect(run.stderr()).not.toContain('lost letter')
    expect(run.stderr()).not.toContain(line.slice(0, 20))
  })

  it('writes the same dialogue for the same seed', async () => {
    const dialogues = []
    for (const seed of ['7', '7', '8']) {
      const run = start(['--fast', '--seed', seed])
      await run.ended
      dialogues.push(readJson(path.join(run.cwd, 'dialogues', run.files()[0] ?? '')))
    }
    expect(dialogues[0]).toEqual(dialogues[1])
    expect(dialogues[0]).not.toEqual(dialogues[2])
  })

  it('speaks English and writes elsewhere when it is asked to', async () => {
    const run = start(['--fast', '--locale', 'en', '--out', 'else/where', '--max-choices', '0'])
    expect((await run.ended).code).toBe(0)
    expect(run.stdout()).toMatch(/Generation finished \(.* s\)\nDialogue saved: else\/where\//)
    const [file = ''] = filesIn(path.join(run.cwd, 'else/where'))
    expect(readJson(path.join(run.cwd, 'else/where', file))[0]).not.toHaveProperty('choices')
    expect(run.stderr()).toContain('Generation finished, automatic cleanup - job_id: ')
  })

  it('prints one JSON object a line with --json: the start, every event in order, the end', async () => {
    const run = start(['--fast', '--json', '--seed', '7'])
    expect((await run.ended).code).toBe(0)
    const [started, ...rest] = jsonLines(run.stdout())
    const ended = rest.pop()
    expect(started).toEqual({ type: 'started', job_id: expect.any(String), model: 'local', seed: '7' })
    expect(rest.map(({ seq }) => seq)).toEqual(rest.map((_, index) => index + 1))
    expect(rest.at(-1)).toMatchObject({ type: 'complete', result: { title: expect.any(String) } })
    expect(ended).toMatchObject({
      type: 'ended',
      status: 'completed',
      commit: 'done',
      exit_code: 0,
      file: path.join('dialogues', `${started.job_id}.json`),
      usage: { quality: 'reported', outputTokens: rest.filter(({ type }) => type === 'chunk').length },
    })
    expect(readJson(path.join(run.cwd, ended.file))).toEqual(rest.at(-1).result.nodes)
  })
})

describe('the first start', () => {
  it('trains the model and keeps it; a damaged cache is trained again', async () => {
    const directory = temporaryDirectory()
    const trains = async () => {
      const run = start(['--fast', '--json', '--cache', directory])
      expect((await run.ended).code).toBe(0)
      return run.stdout().includes('"type":"training"')
    }
    expect(await trains()).toBe(true)
    expect(await trains()).toBe(false)
    const file = path.join(directory, 'brown.ngrams')
    writeFileSync(file, readFileSync(file).subarray(0, 1_000_000))
    expect(await trains()).toBe(true)
    expect(await trains()).toBe(false)
  })

  it('can be interrupted during the training, and then keeps nothing', async () => {
    const directory = temporaryDirectory()
    const run = start(['--cache', directory])
    await run.waitFor('Apprentissage du modèle local')
    run.child.kill('SIGINT')
    expect(await run.ended).toEqual({ code: 130, signal: null })
    expect(run.stdout()).toMatch(/Interruption en cours\.\.\.\n.*Génération interrompue\n/s)
    expect([...run.files(), ...filesIn(directory)]).toEqual([])
  })
})

describe('Ctrl-C', () => {
  it.each(['▸ Prompting', '▸ Generating', '« ', '  1. '])(
    'at %j interrupts: both messages, the log line, exit code 130, no file',
    async (moment) => {
      const run = start(['--pace', '0.5'])
      await run.waitFor(moment)
      run.child.kill('SIGINT')
      expect(await run.ended).toEqual({ code: 130, signal: null })
      expect(run.stdout()).toMatch(
        /Interruption en cours\.\.\.\n(?:.*\n)*?Génération interrompue\nAucun fichier écrit\n$/,
      )
      expect(run.stdout()).not.toContain('Génération terminée')
      expect(run.files()).toEqual([])
      const summary = jsonLines(run.stderr()).at(-1)
      expect(summary).toMatchObject({
        event: 'job.cancelled',
        reason: 'user',
        forced: false,
        cleanup: 'clean',
        commit: 'none',
        dropped_chunks: expect.any(Number),
      })
      expect(summary.msg).toMatch(
        /^Génération annulée par utilisateur - job_id: [0-9a-f-]{36}, durée: \d+\.\d\ds, étape: (?:Prompting|Generating)$/,
      )
    },
  )

  it('is told in English and as JSON too', async () => {
    const english = start(['--pace', '0.5', '--locale', 'en'])
    const json = start(['--pace', '0.5', '--json'])
    await Promise.all([english.waitFor('▸ Generating'), json.waitFor('"chunk"')])
    for (const { child } of [english, json]) child.kill('SIGINT')
    expect([(await english.ended).code, (await json.ended).code]).toEqual([130, 130])
    expect(english.stdout()).toMatch(/Interrupting\.\.\.\n(?:.*\n)*?Generation interrupted\nNo file was written\n$/)
    expect(english.stderr()).toContain('Generation cancelled by user - job_id: ')
    const types = jsonLines(json.stdout()).map(({ type }) => type)
    expect(types.filter((type) => type !== 'chunk').slice(-4)).toEqual([
      'interrupting',
      'cancelling',
      'cancelled',
      'ended',
    ])
    expect(jsonLines(json.stdout()).at(-1)).toMatchObject({ status: 'cancelled', reason: 'user', exit_code: 130 })
  })

  it('after the end changes nothing: no message, the whole file', async () => {
    const run = start(['--fast'])
    await run.waitFor('Génération terminée')
    run.child.kill('SIGINT')
    // Node gives up its signal handlers before it is gone: then the signal itself ends what is left of it.
    expect([
      { code: 0, signal: null },
      { code: null, signal: 'SIGINT' },
    ]).toContainEqual(await run.ended)
    expect(run.stdout()).not.toContain('Interruption')
    validateUnityNodes(readJson(path.join(run.cwd, 'dialogues', run.files()[0] ?? '')))
  })

  it('at any moment leaves the whole file and exit code 0, or no file and exit code 130', async () => {
    for (const moment of ['▸ Validating', '▸ Committing']) {
      const run = start(['--fast'])
      await run.waitFor(moment)
      run.child.kill('SIGINT')
      const { code } = await run.ended
      expect([0, 130]).toContain(code)
      expect(run.files()).toHaveLength(code === 0 ? 1 : 0)
      for (const file of run.files()) validateUnityNodes(readJson(path.join(run.cwd, 'dialogues', file)))
    }
  })
})

describe('a provider that is deaf', () => {
  const deaf = {
    env: { OPENAI_MODEL: 'm', OPENAI_BASE_URL: 'http://127.0.0.1:1' },
    nodeArguments: ['--import', fileURLToPath(new URL('support/deaf-fetch.mjs', import.meta.url))],
  }

  it('is left behind by one Ctrl-C inside the grace period', async () => {
    const run = start(['--json'], deaf)
    await run.waitFor('"Generating"')
    run.child.kill('SIGINT')
    expect(await run.ended).toEqual({ code: 130, signal: null })
    expect(jsonLines(run.stdout()).at(-1)).toMatchObject({ status: 'cancelled', forced: true })
    expect(run.files()).toEqual([])
  })

  it('is left behind at once by a second Ctrl-C', async () => {
    const run = start([], deaf)
    await run.waitFor('▸ Generating')
    run.child.kill('SIGINT')
    await run.waitFor('Interruption en cours...')
    run.child.kill('SIGINT')
    expect(await run.ended).toEqual({ code: 130, signal: null })
    expect(run.stdout()).not.toContain('Génération interrompue')
    expect(run.files()).toEqual([])
  })

  it('is not left behind by the copy of a Ctrl-C that npm passes on', async () => {
    const run = start(['--json'], { ...deaf, env: { ...deaf.env, npm_lifecycle_event: 'start' } })
    await run.waitFor('"Generating"')
    run.child.kill('SIGINT')
    await run.waitFor('"interrupting"')
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
    expect(jsonLines(run.stdout()).at(-1)).toMatchObject({ type: 'ended', status: 'cancelled' })
  })
})

describe('other ends', () => {
  it('SIGTERM cancels as a shutdown, exit code 143', async () => {
    const run = start(['--pace', '0.5'])
    await run.waitFor('▸ Generating')
    run.child.kill('SIGTERM')
    expect(await run.ended).toEqual({ code: 143, signal: null })
    expect(run.stderr()).toContain('Génération annulée par arrêt du serveur - job_id: ')
    expect(run.files()).toEqual([])
  })

  it.each(['▸ Prompting', '« ', '▸ Validating', '▸ Committing', 'Génération terminée'])(
    'CVC-09: kill -9 at %j leaves the whole dialogue or none, and the next run tidies up',
    async (moment) => {
      const run = start(['--fast'])
      await run.waitFor(moment)
      run.child.kill('SIGKILL')
      await run.ended
      for (const file of run.files().filter((name) => name.endsWith('.json'))) {
        validateUnityNodes(readJson(path.join(run.cwd, 'dialogues', file)))
      }
      const next = start(['--fast'], { cwd: run.cwd })
      expect((await next.ended).code).toBe(0)
      expect(next.files().filter((name) => !name.endsWith('.json'))).toEqual([])
    },
  )

  it('a reader that goes away ends the program', async () => {
    const run = start(['--json', '--pace', '0.5'])
    await run.waitFor('"chunk"')
    run.child.stdout?.destroy()
    expect((await run.ended).code).toBe(1)
    expect(run.files()).toEqual([])
  })
})

describe('the command line', () => {
  it.each([
    [['--help'], 'Usage : npm start'],
    [['--help', '--locale', 'en'], 'Usage: npm start'],
  ])('%j prints the help', async (args, text) => {
    const run = start(args)
    expect(await run.ended).toEqual({ code: 0, signal: null })
    expect(run.stdout()).toContain(text)
    expect(run.stderr()).toBe('')
  })

  it.each([
    [['--unknown'], 'Option inconnue : --unknown'],
    [['--locale', 'en', '--max-choices', 'many'], '--max-choices needs a whole number, 0 or more'],
    [['--characters', '', ''], 'Veuillez sélectionner au moins un personnage ou ajouter des instructions'],
  ])('%j is refused with exit code 2 and nothing else', async (args, problem) => {
    const run = start(args)
    expect(await run.ended).toEqual({ code: 2, signal: null })
    expect(run.stderr().split('\n')).toEqual([problem, expect.stringContaining('--help'), ''])
    expect(run.stdout()).toBe('')
    expect(readdirSync(run.cwd)).toEqual([])
  })
})

it('an --out that cannot be written is refused before anything is generated', async () => {
  const cwd = temporaryDirectory()
  writeFileSync(path.join(cwd, 'file'), '')
  const run = start(['--fast', '--out', 'file/below'], { cwd })
  expect(await run.ended).toEqual({ code: 2, signal: null })
  expect(run.stderr()).toContain('--out attend un dossier où écrire')
  expect(run.stdout()).toBe('')
})

describe('a provider', () => {
  const text = JSON.stringify({ title: 'Le pont', node: { speaker: 'Mira', line: 'Bonjour.' } })
  const chunk = (content: string) => ({ choices: [{ delta: { content } }] })
  const events = [chunk(text.slice(0, 20)), chunk(text.slice(20)), { choices: [{ finish_reason: 'stop' }] }, '[DONE]']
  const environment = (url: string) => ({
    OPENAI_MODEL: 'some-model',
    OPENAI_API_KEY: 'secret-key',
    OPENAI_BASE_URL: url,
  })

  it('of the environment writes the dialogue', async () => {
    const { url, requests } = await startProvider(answerEvents(...events))
    const run = start(['--characters', 'Mira', 'Une dispute'], { env: environment(url) })
    expect(await run.ended, run.stderr()).toEqual({ code: 0, signal: null })
    expect(run.stdout()).toContain('Modèle : some-model')
    expect(run.stdout()).toContain('Mira : Bonjour.')
    expect(readJson(path.join(run.cwd, 'dialogues', run.files()[0] ?? ''))).toEqual([
      { id: 'START', speaker: 'Mira', line: 'Bonjour.' },
    ])
    expect(JSON.stringify(requests[0]?.body)).toContain('Instructions: Une dispute')
  })

  it('is not asked with --local', async () => {
    const { url, requests } = await startProvider(answerEvents(...events))
    expect((await start(['--fast', '--local'], { env: environment(url) }).ended).code).toBe(0)
    expect(requests).toEqual([])
  })

  it('that refuses ends the program with its code, and neither key nor body is shown', async () => {
    const { url } = await startProvider((response) => response.writeHead(401).end('secret body'))
    const run = start([], { env: environment(url) })
    expect((await run.ended).code).toBe(1)
    expect(run.stdout()).toContain('Le modèle a refusé les identifiants du serveur (provider.unauthorized · HTTP 401)')
    expect(run.stdout()).toContain('Aucun fichier écrit')
    expect(run.stdout() + run.stderr()).not.toContain('secret')
    expect(run.files()).toEqual([])
  })

  it('is closed by Ctrl-C', async () => {
    const { url, requests } = await startProvider((response) => writeEvents(response, chunk(text.slice(0, 20))))
    const run = start([], { env: environment(url) })
    await run.waitFor('« Le')
    run.child.kill('SIGINT')
    await requests[0]?.closed
    expect(await run.ended).toEqual({ code: 130, signal: null })
    expect(run.files()).toEqual([])
  })

  it('that is not there ends the program with its code, told once', async () => {
    const run = start([], { env: environment('http://127.0.0.1:1') })
    expect((await run.ended).code).toBe(1)
    expect(run.stdout()).toContain('(provider.unavailable)')
  })

  it('of the other kind is closed by Ctrl-C too', async () => {
    const opening = { type: 'content_block_delta', delta: { type: 'text_delta', text: text.slice(0, 20) } }
    const { url, requests } = await startProvider((response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`event: ${opening.type}\ndata: ${JSON.stringify(opening)}\n\n`)
    })
    const run = start([], { env: { ANTHROPIC_API_KEY: 'secret-key', ANTHROPIC_BASE_URL: url, ANTHROPIC_MODEL: 'm' } })
    await run.waitFor('« Le')
    run.child.kill('SIGINT')
    await requests[0]?.closed
    expect(requests[0]?.url).toBe('/v1/messages')
    expect(await run.ended).toEqual({ code: 130, signal: null })
    expect(run.files()).toEqual([])
  })
})
