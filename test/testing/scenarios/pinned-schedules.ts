import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('schedules.json', import.meta.url)

/** How many schedules each scenario has. Another number says that what can happen has changed: look why, then pin it again. */
export function pinnedSchedules(): Record<string, number> {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** `npm run explore -- --pin` */
export function pinSchedules(schedules: Record<string, number>): void {
  writeFileSync(file, `${JSON.stringify(schedules, undefined, 2)}\n`)
}
