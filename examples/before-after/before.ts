// A server as it is often written by hand: a map of AbortControllers, and the shutdown that Express' pages show.
import { randomUUID } from 'node:crypto'
import express, { type Response } from 'express'
import type { Story } from './story.ts'

interface Running {
  readonly abort: AbortController
  readonly viewers: Set<Response>
  text: string
}

export const before: Story = ({ ask, archive }) => {
  const running = new Map<string, Running>()
  const app = express().use(express.json())

  app.post('/jobs', (request, response) => {
    const id = randomUUID()
    const job: Running = { abort: new AbortController(), viewers: new Set(), text: '' }
    running.set(id, job)
    void generate(id, job, request.body)
    response.status(201).json({ job_id: id })
  })

  async function generate(id: string, job: Running, wish: Parameters<typeof ask>[0]) {
    const { signal } = job.abort
    try {
      for await (const { text } of ask(wish, signal)) {
        if (signal.aborted) return
        if (!text) continue
        job.text += text
        for (const viewer of job.viewers) send(viewer, { type: 'chunk', content: text })
      }
      await archive.save(id, job.text)
      for (const viewer of job.viewers) send(viewer, { type: 'complete' })
    } catch (error) {
      if (!signal.aborted) for (const viewer of job.viewers) send(viewer, { type: 'error', message: String(error) })
    } finally {
      for (const viewer of job.viewers) viewer.end()
      running.delete(id)
    }
  }

  app.get('/jobs/:id/stream', (request, response) => {
    const job = running.get(request.params.id)
    if (!job) return void response.sendStatus(404)
    response.type('text/event-stream').flushHeaders()
    send(response, { type: 'chunk', content: job.text })
    job.viewers.add(response)
    response.on('close', () => {
      job.viewers.delete(response)
      if (job.viewers.size === 0) job.abort.abort() // nobody reads it: do not pay for it
    })
  })

  app.post('/jobs/:id/cancel', (request, response) => {
    const job = running.get(request.params.id)
    if (!job) return void response.sendStatus(404)
    job.abort.abort()
    running.delete(request.params.id)
    response.json({ outcome: 'cancelled' })
  })

  const server = app.listen(0, '127.0.0.1')
  return { server, shutDown: async () => void server.close() }
}

function send(viewer: Response, event: object): void {
  viewer.write(`data: ${JSON.stringify(event)}\n\n`)
}
