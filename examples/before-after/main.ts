// The same product twice: a cancel written by hand, and with the library. Puts both through the same situations and prints what
// happened. Run: node examples/before-after/main.ts
import { stdout } from 'node:process'
import { after } from './after.ts'
import { before } from './before.ts'
import { startProvider } from './provider.ts'
import { SITUATIONS } from './situations.ts'
import type { Story } from './story.ts'
import { Visit } from './visit.ts'

const rows = []
for (const [name, situation] of Object.entries(SITUATIONS)) {
  rows.push(`| ${name} | ${await happens(before, situation)} | ${await happens(after, situation)} |`)
}
stdout.write(`${['| what happens | by hand | with the library |', '| --- | --- | --- |', ...rows].join('\n')}\n`)

async function happens(story: Story, situation: (visit: Visit) => Promise<string>): Promise<string> {
  const provider = await startProvider()
  const visit = new Visit(story, provider)
  try {
    const told = await situation(visit)
    const { saved, openCalls } = await visit.remains()
    return `told "${told}", saved ${saved}, ${openCalls} calls open`
  } finally {
    await Promise.all([visit.end(), provider.close()])
  }
}
