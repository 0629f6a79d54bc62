import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Answer } from './answer.ts'
import { PUBLISHED, resultsFolder } from './folders.ts'
import { markdown } from './markdown.ts'
import { place } from './place.ts'
import { plotsOf } from './plots.ts'

/** Writes report.md and its plots into a folder of its own. */
export async function writeReport(
  answers: readonly Answer[],
  rounds: number,
): Promise<{ folder: string; report: string }> {
  const folder = resultsFolder()
  const files = new Map<string, string[]>()
  for (const answer of answers) {
    for (const [ending, svg] of await plotsOf(answer)) {
      const file = `${answer.name}${ending}.svg`
      writeFileSync(`${folder}${file}`, svg)
      files.set(answer.name, [...(files.get(answer.name) ?? []), file])
    }
  }
  const report = markdown(
    answers,
    place(
      `${rounds} measured rounds per contender, contenders alternate inside one process, processor time, \`logger: false\``,
    ),
    files,
  )
  writeFileSync(`${folder}report.md`, report)
  return { folder, report }
}

/** Replaces the report and the plots in the repository by these. */
export function publish(folder: string): void {
  for (const file of readdirSync(PUBLISHED)) if (file.endsWith('.svg')) rmSync(`${PUBLISHED}${file}`)
  cpSync(folder, PUBLISHED, { recursive: true })
}
