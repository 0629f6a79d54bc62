import { type RefObject, useLayoutEffect, useRef } from 'react'

/** Closer to the end than this counts as being there, pixels. */
const NEAR = 40

/** Scrolls along with text that grows, unless the person has scrolled back to read. */
export function useStickToEnd(text: string): RefObject<HTMLElement | null> {
  const place = useRef<HTMLElement>(null)
  const height = useRef(0)

  useLayoutEffect(() => {
    const element = place.current
    if (!element) return
    const wasAtEnd = element.scrollTop + element.clientHeight >= height.current - NEAR
    height.current = text === '' ? 0 : element.scrollHeight
    if (wasAtEnd) element.scrollTop = element.scrollHeight
  }, [text])

  return place
}
