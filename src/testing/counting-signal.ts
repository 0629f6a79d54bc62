/** An AbortSignal that knows how many `abort` listeners are on it. */
export interface CountingSignal {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
  /**
   * How many listeners are registered now. One that was added after the abort counts too: it never fires and stays.
   * What a runtime links without `addEventListener` (`AbortSignal.any`) cannot be seen here.
   */
  listeners(): number
  /** The most that were registered at the same time. */
  peakListeners(): number
}

/** Makes a signal for the proof that code under test takes its listeners off again. */
export function countingSignal(): CountingSignal {
  const controller = new AbortController()
  const { signal } = controller
  const add = signal.addEventListener.bind(signal)
  const remove = signal.removeEventListener.bind(signal)
  const registered: Registration[] = []
  let peak = 0

  const find = (type: string, listener: unknown, capture: boolean) =>
    registered.findIndex((entry) => entry.type === type && entry.listener === listener && entry.capture === capture)

  function drop(type: string, listener: unknown, capture: boolean): void {
    const index = find(type, listener, capture)
    if (index >= 0) registered.splice(index, 1)
  }

  // First in the line, so it sees the abort also when another listener stops the dispatch.
  add('abort', () => {
    for (const { type, listener, capture, once } of [...registered]) if (once) drop(type, listener, capture)
  })

  // Runtimes differ in whether the property goes through addEventListener; one of our own counts the same everywhere.
  let onabort: AbortSignal['onabort'] = null
  add('abort', (event) => onabort?.call(signal, event))
  Object.defineProperty(signal, 'onabort', {
    get: () => onabort,
    set: (handler: unknown) => {
      onabort = typeof handler === 'function' ? (handler as AbortSignal['onabort']) : null
    },
  })

  signal.addEventListener = (type: string, listener: Listener | null, options?: AddOptions) => {
    const { once = false, capture = false, signal: removeOn } = normalise(options)
    // The platform ignores these two cases as well.
    if (listener && !removeOn?.aborted && find(type, listener, capture) < 0) {
      registered.push({ type, listener, capture, once })
      peak = Math.max(peak, registered.length)
      removeOn?.addEventListener('abort', () => drop(type, listener, capture), { once: true })
    }
    if (listener) add(type, listener, options)
  }
  signal.removeEventListener = (type: string, listener: Listener | null, options?: AddOptions) => {
    if (!listener) return
    // A removal with another `capture` is a silent no-op on the platform, and here.
    drop(type, listener, normalise(options).capture ?? false)
    remove(type, listener, options)
  }

  return {
    signal,
    abort: (reason) => controller.abort(reason),
    listeners: () => registered.length + (onabort ? 1 : 0),
    peakListeners: () => peak,
  }
}

type Listener = EventListenerOrEventListenerObject
type AddOptions = boolean | AddEventListenerOptions | undefined

interface Registration {
  readonly type: string
  readonly listener: unknown
  readonly capture: boolean
  readonly once: boolean
}

function normalise(options: AddOptions): AddEventListenerOptions {
  return typeof options === 'object' ? options : { capture: options ?? false }
}
