/** One listener per caller's AbortSignal, however many jobs, waits and readers look at it, so no MaxListeners warning comes. */
export class CallerSignals {
  readonly #hubs = new Map<AbortSignal, { listeners: Set<() => void>; dispatch: () => void }>()

  /** How many signals have our listener. */
  get size(): number {
    return this.#hubs.size
  }

  /** Calls `listener` when the signal aborts, or at once if it has. Returns its removal, which must be called. */
  onAbort(signal: AbortSignal, listener: () => void): () => void {
    if (signal.aborted) {
      listener()
      return () => {}
    }
    const own = () => listener() // the same function may be registered twice
    const hub = this.#hubs.get(signal) ?? this.#listenTo(signal)
    hub.listeners.add(own)
    return () => {
      if (hub.listeners.delete(own) && hub.listeners.size === 0) this.#release(signal)
    }
  }

  #listenTo(signal: AbortSignal) {
    const listeners = new Set<() => void>()
    const dispatch = () => {
      this.#release(signal)
      for (const listener of [...listeners]) if (listeners.delete(listener)) listener()
    }
    const hub = { listeners, dispatch }
    this.#hubs.set(signal, hub)
    signal.addEventListener('abort', dispatch)
    return hub
  }

  #release(signal: AbortSignal): void {
    const hub = this.#hubs.get(signal)
    if (!hub) return
    this.#hubs.delete(signal)
    signal.removeEventListener('abort', hub.dispatch)
  }
}
