import type { Frame } from './cpu/samples.ts'
import type { Origin } from './origin.ts'

export const BENCH = 'the bench: source, caller, loop'

/** The part of the program that a function belongs to. */
export function partOf({ functionName, url }: Frame, origin: Origin | undefined): string {
  if (functionName === '(garbage collector)') return 'the collector'
  if (url.startsWith('node:')) return partOfNode(url)
  if (!origin) return 'system calls and native code'
  return partOfFile(origin.file)
}

/** A source file of the library, a package, or the bench. */
export function partOfFile(file: string): string {
  if (file.startsWith('bench/') && !file.includes('/node_modules/')) return BENCH
  const [, name] = /.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file) ?? []
  return name ?? file
}

const PARTS_OF_NODE: readonly (readonly [RegExp, string])[] = [
  [/http/, 'node: http'],
  [/undici|url/, 'node: requests, responses and URLs'],
  [/abort|event_target/, 'node: abort signals'],
  [/net|stream|events/, 'node: net, streams and events'],
  [/timers/, 'node: timers'],
  [/task_queues|promises/, 'node: promises and ticks'],
  [/async_hooks|async_local/, 'node: async hooks'],
]

function partOfNode(url: string): string {
  return PARTS_OF_NODE.find(([modules]) => modules.test(url))?.[1] ?? 'node: other'
}
