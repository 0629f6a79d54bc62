import { originOf } from '../origin.ts'
import { partOf } from '../part.ts'
import { ranked, topTen } from '../ranked.ts'
import type { Table } from '../table.ts'
import type { CpuSamples } from './samples.ts'

const FUNCTIONS = 10
/** A room of src/ with less is not named. */
const NOTABLE = 0.005

/** Where the processor time of a process goes: by part, and the functions on top. No function's time has in it what it calls. */
export function cpuTables({ frames, count }: CpuSamples, process = 'the process'): Table[] {
  const share = (times: number) => `${((times / count) * 100).toFixed(1)} %`
  const seen = [...frames].map(([frame, times]) => {
    const origin = originOf(frame)
    const part = partOf(frame, origin)
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName
    return { times, part, name, where: origin ? `${origin.file}:${origin.line}` : part }
  })
  const sumBy = (keyOf: (one: (typeof seen)[number]) => string) => ranked(seen, keyOf, ({ times }) => times)
  const rooms = sumBy(({ part }) => /^src\/[^/]+/.exec(part)?.[0] ?? '').filter(
    ([room, times]) => room !== '' && times / count > NOTABLE,
  )
  const functions = sumBy(({ name, where }) => `\`${name}\`|${where}`)
  return [
    {
      caption: `Processor time of ${process}, ${count} samples; ${rooms.map(([room, times]) => `${room} ${share(times)}`).join(', ')}.`,
      columns: ['part', 'share'],
      rows: topTen(sumBy(({ part }) => part)).map(([part, times]) => [part, share(times)]),
    },
    {
      caption: 'The hottest functions:',
      columns: ['function', 'where', 'share'],
      rows: functions.slice(0, FUNCTIONS).map(([key, times]) => [...key.split('|'), share(times)]),
    },
  ]
}
