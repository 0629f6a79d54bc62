// In Next.js this file is app/api/generate/[...path]/route.ts; any host of fetch handlers takes the same two functions.
import { handler } from './generation.ts'

export const dynamic = 'force-dynamic'
export const GET = (request: Request) => handler(request)
export const POST = (request: Request) => handler(request)
