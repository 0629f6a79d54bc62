import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { readMarkdown, root } from './support/markdown.ts'
import { makeSnippetProject, snippetName } from './support/snippet-project.ts'

const readme = readMarkdown('README.md')
const snippets = new Map(
  readme.blocks
    .filter(({ language }) => language === 'ts')
    .map((block) => [snippetName('README.md', block), block.text]),
)
const names = [...snippets.keys()]

/** What a snippet says in its comments, it must print; by a name that stands in it. */
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
}

describe.skipIf(inject('buildExitCode') !== 0)('the snippets of the README', () => {
  const project = makeSnippetProject(snippets)
  afterAll(() => project.remove())

  it('compile in a strict project that has only the package', () => {
    const faults = [...project.compile()].flatMap(([name, found]) => found.map((fault) => `${name} ${fault}`))
    expect(faults).toEqual([])
    expect(names.length).toBeGreaterThanOrEqual(10)
  })

  it.each(names)('%s runs to its end', async (name) => {
    const { code, stdout, stderr } = await project.run(name)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const expected = Object.entries(PRINTS).find(([mark]) => snippets.get(name)?.includes(mark))?.[1] ?? []
    for (const text of expected) expect(stdout).toContain(text)
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
    const programs = readMarkdown('README.fr.md').blocks.filter(({ language }) => language !== 'sh')
    expect(programs.length).toBeGreaterThan(3)
    expect(programs.filter(({ text }) => !shown.has(text)).map(({ text }) => text)).toEqual([])
  })

  it('has a snippet for each thing that is expected to be printed', () => {
    const marks = Object.keys(PRINTS).filter((mark) => ![...snippets.values()].some((text) => text.includes(mark)))
    expect(marks).toEqual([])
  })

  it('begins with a first program of twenty lines, at most, that runs as pasted in the Node that npm runs on', async () => {
    const [name = ''] = names
    expect(snippets.get(name)?.split('\n').length).toBeLessThanOrEqual(20)
    const node = process.env.npm_node_execpath ?? process.execPath
    const { code, stdout, stderr } = await project.runPasted(name, 'first.mjs', node)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('cancelled none clean {')
  })
})
