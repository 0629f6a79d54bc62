// Run: node examples/frameworks/hono.ts. On Bun and Deno the same app needs no adapter.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { handler } from './generation.ts'

const app = new Hono()
app.all('/api/generate/*', (context) => handler(context.req.raw, { native: context }))

export const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })
