import type { Table } from './table.ts'

export interface Section {
  readonly title: string
  readonly tables: readonly Table[]
  /** Why there are none. */
  readonly skipped?: string
  readonly failed?: boolean
}

export function profilesMarkdown(sections: readonly Section[], place: readonly string[]): string {
  return [
    '# Profiles',
    '',
    ...place.map((line) => `- ${line}`),
    '',
    'Where the time and the memory go in the questions of [the report](report.md) that miss a goal. `npm run bench:profile` writes it.',
    'Waiting is left out. A profiled program is slower than one alone: read the shares, and take times from the report.',
    '',
    ...sections.flatMap(({ title, tables, skipped }) => [
      `## ${title}`,
      '',
      ...(skipped === undefined ? [] : [`Not profiled: ${skipped}`, '']),
      ...tables.flatMap((table) => [table.caption, '', ...lines(table), '']),
    ]),
  ].join('\n')
}

function lines({ columns, rows }: Table): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)]
}
