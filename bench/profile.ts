// `npm run bench:profile` profiles our own contender in the questions that miss a goal, `npm run bench:profile -- register memory`
// in some of them. Prints the report and writes it to bench/results/<time>/; `--publish` writes it to docs/performance/ instead.
import { writeFileSync } from 'node:fs'
import { argv, exit, stderr, stdout } from 'node:process'
import { parseArgs } from 'node:util'
import { ownProcess, whatIsMissing } from './own-process.ts'
import { profilesMarkdown, type Section } from './profile/markdown.ts'
import { PROFILES } from './profile/profiles.ts'
import type { Table } from './profile/table.ts'
import { PUBLISHED, resultsFolder } from './report/folders.ts'
import { place } from './report/place.ts'

const { values, positionals } = parseArgs({
  args: argv.slice(2),
  allowPositionals: true,
  options: { publish: { type: 'boolean', default: false } },
})
const names = positionals.length > 0 ? positionals : Object.keys(PROFILES)
if (!names.every((name) => PROFILES[name])) {
  stderr.write(`expected names among ${Object.keys(PROFILES).join(', ')}\n`)
  exit(2)
}

const sections: Section[] = []
for (const name of names) sections.push(await profiled(name))
const how = 'Each question in a process of its own, warm: samples of the main thread; heap by snapshots'
const report = profilesMarkdown(sections, place(how))
const file = `${values.publish ? PUBLISHED : resultsFolder()}profiles.md`
writeFileSync(file, report)
stdout.write(`${report}\nwritten to ${file}\n`)
exit(sections.some(({ failed }) => failed) ? 1 : 0)

async function profiled(name: string): Promise<Section> {
  const { title = name, needs } = PROFILES[name] ?? {}
  const skipped = whatIsMissing(needs)
  if (skipped !== undefined) return { title, tables: [], skipped }
  stderr.write(`${name.padEnd(18)} ...`)
  try {
    const tables = await ownProcess<Table[]>('profile/profile-process.ts', [name])
    stderr.write(' done\n')
    return { title, tables }
  } catch (error) {
    stderr.write(' failed\n')
    return { title, tables: [], skipped: String(error), failed: true }
  }
}
