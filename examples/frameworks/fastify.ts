// Run: node examples/frameworks/fastify.ts
import Fastify from 'fastify'
import { toNodeHandler } from 'generation-jobs/node'
import { handler } from './generation.ts'

const app = Fastify()
const generate = toNodeHandler(handler)

await app.register((scope, _options, done) => {
  scope.removeAllContentTypeParsers() // the handler reads bodies itself, within its own limits
  scope.addContentTypeParser('*', (_request, _body, parsed) => parsed(null))
  scope.all('/api/generate/*', (request, reply) => {
    reply.hijack()
    return generate(request.raw, reply.raw)
  })
  done()
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })
export const { server } = app
