import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { entries } from '../../tsup.config.ts'
import { readMarkdown, root } from './support/markdown.ts'

const inDocs = readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' }).map((name) => `docs/${name}`)
const documents = ['README.md', 'README.fr.md', 'CHANGELOG.md', ...inDocs]
const readme = readMarkdown('README.md')

it.each(documents.filter((path) => path.endsWith('.md')))('each link of %s leads somewhere', (path) => {
  const broken = readMarkdown(path).links.filter((target) => !/^https?:/.test(target) && !leadsSomewhere(path, target))
  expect(broken).toEqual([])
})

function leadsSomewhere(from: string, target: string): boolean {
  const [file = '', anchor] = target.split('#')
  const path = file === '' ? from : posix.join(posix.dirname(from), file)
  if (!existsSync(root + path)) return false
  return anchor === undefined || readMarkdown(path).anchors.includes(anchor)
}

describe('the README', () => {
  it('gives commands that exist', () => {
    const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
    const commands = [...readme.text.matchAll(/npm (?:run )?(start|test|check|build|format)\b/g)].map(
      ([, name]) => name,
    )
    expect(commands).toEqual(expect.arrayContaining(['start', 'test', 'check']))
    expect(commands.filter((name) => !(name && name in scripts))).toEqual([])
  })

  it('speaks of entries that exist', () => {
    const present = Object.keys(entries).map((name) => (name === 'index' ? '' : `/${name}`))
    const mentioned = [...readme.text.matchAll(/generation-jobs((?:\/[\w-]+)?)(?=['`])/g)].map(([, entry]) => entry)
    expect([...new Set(mentioned)].toSorted()).toEqual(present.toSorted())
  })

  it('shows a layout of rooms and files that exist, every entry among them', () => {
    const layout =
      readme.blocks
        .find(({ text }) => text.startsWith('src/\n'))
        ?.text.split('\n')
        .slice(1) ?? []
    const faults: string[] = []
    const rooms: string[] = []
    for (const line of layout) {
      const room = /^ {2}([\w-]+)\//.exec(line)?.[1]
      if (room) rooms.push(room)
      const inCore = rooms.at(-1) === 'core' && !room
      // Below core each line has a heading and then file names; below protocol names with remarks.
      const names = inCore ? line.slice(18) : rooms.at(-1) === 'protocol' && !room ? line : ''
      for (const name of names
        .replaceAll(/\([^)]*\)/g, '')
        .split(/[·\s]+/)
        .filter(Boolean)) {
        const path = `src/${rooms.at(-1)}/${name.endsWith('/') ? name : `${name}.ts`}`
        if (!existsSync(root + path)) faults.push(path)
      }
    }
    expect(faults).toEqual([])
    expect(rooms).toEqual(expect.arrayContaining(Object.keys(entries).filter((name) => name !== 'index')))
    expect(rooms.filter((room) => !existsSync(`${root}src/${room}`))).toEqual([])
  })
})
