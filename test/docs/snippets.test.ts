import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { type CodeBlock, readMarkdown, root } from './support/markdown.ts'
import { makeSnippetProject, snippetName } from './support/snippet-project.ts'

const guides = readdirSync(`${root}docs`).filter((name) => name.endsWith('.md'))
const documents = ['README.md', ...guides.map((name) => `docs/${name}`)]
const blocks = documents.flatMap((path) => readMarkdown(path).blocks.map((block) => ({ path, block })))

/** `ts` is a whole program; `typescript` needs a server, a page or a key, and is only compiled. */
const marked = (language: 'ts' | 'typescript') => blocks.filter(({ block }) => block.language === language)
const nameOf = ({ path, block }: { path: string; block: CodeBlock }) => snippetName(path, block)
const snippets = new Map(
  [...marked('ts'), ...marked('typescript')].map((snippet) => [nameOf(snippet), snippet.block.text]),
)
const programs = marked('ts').map(nameOf)

/** What a program says in its comments, it must print; by a name that stands in it. */
const PRINTS: Readonly<Record<string, readonly string[]>> = {
  'word ${word} ': ['{ seq: 10, at: ', "content: 'word 10 ' }", 'cancelled none clean {', 'running: 0,'],
  'Why is the sky blue?': [': 17 characters'],
  generateWithEvents: ['completed\n', 'complete\n'],
  UnityDialogueOrchestrator: ["id: 'START'", "speaker: 'Mira'"],
  withFallback: ['completed reported\n'],
  'waited.cause': ['timeout\n', 'ada false clean\n', '2 chunk\n', ' cancelling\n', ' cancelled\n'],
  'refused.code': ['capacity.pending\nrunning pending\n'],
  'request-17': ['true false\n', 'cancelled completed\n'],
  createMemoryJobStore: ['cancelled cancelled\n'],
  'return: never': ['connection released\ntrue clean 3500\n'],
  'new Map<string, AbortController>': ['stopped completed true\nstopped\n'],
  "jobs.cancel('story-1'": ['cancelled cancelled false\nnot-found\n'],
  'the connection broke': ['commit.failed unknown\nit is saved\n'],
  MockLanguageModel: ['cancelled none\n'],
  diagnostics_channel: ['completed none 4 0 undefined\n'],
}

/** Snippets that no test runs. Whoever adds one counts it here. */
const COMPILED_ONLY: Readonly<Record<string, number>> = {
  'README.md': 2, // as files of examples/frameworks, which its own test runs
  'docs/commit-and-databases.md': 1,
  'docs/migrating-from-ai-sdk-stop.md': 3,
  'docs/migrating-from-bullmq-alone.md': 3,
  'docs/operating.md': 2,
  'docs/several-servers.md': 2,
}

describe.skipIf(inject('buildExitCode') !== 0)('the snippets of the README and of the guides', () => {
  const project = makeSnippetProject(snippets)
  afterAll(() => project.remove())

  it('compile in a strict project', () => {
    const faults = [...project.compile()].flatMap(([name, found]) => found.map((fault) => `${name} ${fault}`))
    expect(faults).toEqual([])
    expect(programs.length).toBeGreaterThanOrEqual(15)
  })

  it.each(programs)('%s runs to its end', async (name) => {
    const { code, stdout, stderr } = await project.run(name)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const expected = Object.entries(PRINTS).find(([mark]) => snippets.get(name)?.includes(mark))?.[1] ?? []
    const printed = stdout.replaceAll(/^\{"level".*\n/gm, '') // the log has its own time
    for (const text of expected) expect(printed).toContain(text)
  })

  it('have a program for each thing that is expected to be printed', () => {
    const marks = Object.keys(PRINTS).filter((mark) => !programs.some((name) => snippets.get(name)?.includes(mark)))
    expect(marks).toEqual([])
  })

  it('are programs, but for a counted few; no code hides under another name', () => {
    const counts = Object.fromEntries(
      documents.map((path) => [path, marked('typescript').filter((snippet) => snippet.path === path).length]),
    )
    expect(Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))).toEqual(COMPILED_ONLY)
    const code = blocks.filter(({ block }) => /^(jsx?|tsx|javascript|mjs)$/.test(block.language))
    expect(code.map(nameOf)).toEqual([])
  })
})

describe.skipIf(inject('buildExitCode') !== 0)('the README', () => {
  const readme = readMarkdown('README.md')
  const own = new Map(readme.blocks.map((block) => [snippetName('README.md', block), block.text]))
  const project = makeSnippetProject(own)
  afterAll(() => project.remove())
  const inReadme = programs.filter((name) => own.has(name))

  it('needs nothing but the package and zod for its programs', () => {
    const imported = inReadme.flatMap((name) => [...(own.get(name) ?? '').matchAll(/from '([^']+)'/g)])
    const foreign = imported.map(([, from]) => from).filter((from) => !/^(node:|generation-jobs|zod$)/.test(from ?? ''))
    expect(foreign).toEqual([])
  })

  it.each(['express.ts', 'stop-button.ts'])(
    'shows %s of examples/frameworks as it stands, which its own test runs',
    (file) => {
      const text = readFileSync(`${root}examples/frameworks/${file}`, 'utf8').trimEnd()
      expect(readme.blocks.map((block) => block.text)).toContain(text)
    },
  )

  it('has a French twin that shows only programs of this one', () => {
    const shown = new Set(readme.blocks.map((block) => block.text))
    const french = readMarkdown('README.fr.md').blocks.filter(({ language }) => language !== 'sh')
    expect(french.length).toBeGreaterThan(3)
    expect(french.filter(({ text }) => !shown.has(text)).map(({ text }) => text)).toEqual([])
  })

  it('begins with a first program of twenty lines, at most, that runs as pasted in the Node that npm runs on', async () => {
    const [name = ''] = inReadme
    expect(own.get(name)?.split('\n').length).toBeLessThanOrEqual(20)
    const node = process.env.npm_node_execpath ?? process.execPath
    const { code, stdout, stderr } = await project.runPasted(name, 'first.mjs', node)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('cancelled none clean {')
  })
})
