import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Question, type Row, valueRow } from '../measure/row.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

interface Size {
  readonly name: string
  readonly size: number
  readonly sizeLimit: number
}

/** What `npm run check:size` checks, dependencies as said in .size-limit.mjs. */
export const bundleSize: Question = {
  title: 'Size of each entry, minified and compressed, against its budget',
  async ask() {
    const { stdout } = await run(process.execPath, [`${root}node_modules/size-limit/bin.js`, '--json'], { cwd: root })
    return (JSON.parse(stdout) as Size[]).map(
      ({ name, size, sizeLimit }): Row => valueRow(name, 'kB', [size / 1_000], { goal: sizeLimit / 1_000 }),
    )
  },
}
