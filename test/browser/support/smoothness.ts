import type { Page } from 'playwright-core'

/** How alive a page was for a while. */
export interface Smoothness {
  readonly waitedMs: number
  /** Tasks above 50 ms are the ones that a browser counts; 0: there was none. */
  readonly longestTaskMs: number
  readonly longestFrameGapMs: number
  readonly frames: number
}

/** Watches the page's tasks and frames from now on, until the returned function is called. */
export async function startMeasuring(page: Page): Promise<() => Promise<Smoothness>> {
  const measuring = await page.evaluateHandle(() => {
    const startedAt = performance.now()
    let longestTaskMs = 0
    let longestFrameGapMs = 0
    let frames = 0
    let lastFrameAt = startedAt
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longestTaskMs = Math.max(longestTaskMs, duration)
    })
    observer.observe({ type: 'longtask' })
    let request = requestAnimationFrame(function onFrame(now) {
      longestFrameGapMs = Math.max(longestFrameGapMs, now - lastFrameAt)
      lastFrameAt = now
      frames += 1
      request = requestAnimationFrame(onFrame)
    })
    return {
      stop() {
        observer.disconnect()
        cancelAnimationFrame(request)
        return { waitedMs: performance.now() - startedAt, longestTaskMs, longestFrameGapMs, frames }
      },
    }
  })
  return () => measuring.evaluate((watch) => watch.stop())
}
