// Viewers in a process of their own, so that the server's process is measured without them. Asked over IPC: opens so many
// connections at once, reads each to its end and answers what came.
import { Agent, get } from 'node:http'
import type { Asked, Got } from './viewers.ts'

const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY })

process.on('message', async ({ url, clients }: Asked) => {
  const all = await Promise.all(Array.from({ length: clients }, () => readToEnd(url)))
  const got: Got = {
    events: all.reduce((sum, { events }) => sum + events, 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
  }
  process.send?.(got)
})

function readToEnd(url: string): Promise<Got> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let [events, bytes] = [0, 0]
      let rest = ''
      response.setEncoding('latin1')
      response.on('data', (text: string) => {
        bytes += text.length
        const whole = rest + text
        let at = whole.indexOf(MARK)
        let end = 0
        for (; at >= 0; at = whole.indexOf(MARK, end)) {
          events++
          end = at + MARK.length
        }
        rest = whole.slice(Math.max(end, whole.length - MARK.length + 1))
      })
      response.on('end', () => resolve({ events, bytes }))
      response.on('error', reject)
    }).on('error', reject)
  })
}

/** In each event that carries a chunk, whoever wrote it. */
const MARK = 'word '
