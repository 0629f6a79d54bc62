import { describe, expect, it } from 'vitest'
import { Listeners } from '../../src/core/listeners.js'

function visited(listeners: Listeners<string>, onVisit: (listener: string) => void = () => {}): string[] {
  const seen: string[] = []
  listeners.forEach((listener) => {
    seen.push(listener)
    onVisit(listener)
  })
  return seen
}

function listenersOf(...names: string[]): Listeners<string> {
  const listeners = new Listeners<string>()
  for (const name of names) listeners.add(name)
  return listeners
}

describe('Listeners', () => {
  it('are visited in the order in which they came, also when the first has gone', () => {
    const listeners = listenersOf('a', 'b', 'c')
    listeners.delete('a')
    listeners.add('d')
    expect(visited(listeners)).toEqual(['b', 'c', 'd'])
    expect(listeners.size).toBe(3)
  })

  it('one that is deleted by another is left out, one that is added is for the next time', () => {
    const listeners = listenersOf('a', 'b', 'c')
    const seen = visited(listeners, (listener) => {
      if (listener !== 'a') return
      listeners.delete('b')
      listeners.add('d')
    })
    expect(seen).toEqual(['a', 'c'])
    expect(visited(listeners)).toEqual(['a', 'c', 'd'])
  })

  it('one that was never added, or is deleted twice, changes nothing', () => {
    const listeners = listenersOf('a')
    listeners.delete('b')
    listeners.delete('a')
    listeners.delete('a')
    expect(listeners.size).toBe(0)
    expect(visited(listeners)).toEqual([])
    listeners.add('c')
    expect(visited(listeners)).toEqual(['c'])
  })
})
