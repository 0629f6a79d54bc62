import type { GenerationSource, ModelChunk } from '../../core/generation-source.js'
import type { EventBoard } from './event-board.js'
import type { History } from './facts.js'
import type { TimeZone } from './world-time.js'

/** A source of a world: each of its answers is an event. */
export interface WorldSourceOptions {
  /** How many chunks, or which, before it ends by itself. @defaultValue 2 */
  chunks?: number | readonly (string | ModelChunk)[] | undefined
  /**
   * What `return()` does. `at-once`: the source is closed and a pending `next()` settled, in that tick. `later`: it answers as
   * an event of its own, and a pending `next()` stays one. `deaf`: it answers at once and changes nothing. `missing`: there is no
   * `return`. @defaultValue 'at-once'
   */
  closes?: 'at-once' | 'later' | 'deaf' | 'missing' | undefined
  /** Whether a `next()` may reject. @defaultValue true */
  errors?: boolean | undefined
}

type Item = string | ModelChunk
type Result = IteratorResult<Item, undefined>
const DONE: Result = { done: true, value: undefined }

/** Makes the source `name`: its events are `<name>.next` and, if it closes later, `<name>.return`. */
export function worldSource(
  name: string,
  options: WorldSourceOptions,
  parts: { board: EventBoard; history: History; zone: TimeZone },
): GenerationSource {
  const { board, history, zone } = parts
  const { closes = 'at-once', errors = true, chunks = 2 } = options
  const items: Item[] = typeof chunks === 'number' ? numbered(name, chunks) : [...chunks]
  const pending = new Set<() => void>()
  let isOver = false

  const note = (what: Extract<Parameters<History['note']>[0], { type: 'source' }>['what'], text?: string): void =>
    history.note({ type: 'source', source: name, what, text })

  function next(): Promise<Result> {
    note(pending.size > 0 ? 'overlapped' : 'pulled')
    if (isOver) return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      const answer = (go: () => void) => () => {
        pending.delete(close)
        go()
      }
      const item = items[0]
      const hope = answer(() => {
        if (item === undefined) {
          isOver = true
          note('ended')
          return resolve(DONE)
        }
        items.shift()
        note('gave', typeof item === 'string' ? item : (item.text ?? ''))
        resolve({ done: false, value: item })
      })
      const fail = answer(() => {
        isOver = true
        note('failed')
        reject(new Error(`${name} failed`))
      })
      const takeBack = board.expect(`${name}.next`, zone, [
        { name: '', happen: hope },
        ...(errors ? [{ name: '!', happen: fail }] : []),
      ])
      const close = (): void => {
        takeBack()
        pending.delete(close)
        resolve(DONE)
      }
      pending.add(close)
    })
  }

  function close(): void {
    isOver = true
    note('closed')
    for (const settle of [...pending]) settle()
  }

  function end(): Promise<Result> {
    note('closing')
    if (closes === 'at-once') close()
    if (closes !== 'later') return Promise.resolve(DONE)
    return new Promise((resolve, reject) => {
      board.expect(`${name}.return`, zone, [
        {
          name: '',
          happen: () => {
            close()
            resolve(DONE)
          },
        },
        { name: '!', happen: () => reject(new Error(`${name} failed to close`)) },
      ])
    })
  }

  return {
    [Symbol.asyncIterator]() {
      note('opened', closes === 'missing' ? 'without return()' : undefined)
      return closes === 'missing' ? { next } : { next, return: end }
    },
  }
}

function numbered(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}${index + 1} `)
}
