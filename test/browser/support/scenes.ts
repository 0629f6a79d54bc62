/** What a generation is told to be, by its instructions: the scripted models of the test server read them. */
export const SCENES = {
  /** A dialogue of `words` words, one every `ms` ms. */
  dialogue: (words: number, ms: number) => `dialogue ${words} ${ms}`,
  /** Some words, then nothing for ever: it heeds no signal, and its `return()` hangs too. */
  deaf: 'deaf',
  /** A dialogue full of markup that would run if it were taken for HTML. */
  markup: 'markup',
  /** Text that is no JSON. */
  prose: 'prose',
} as const

export const MARKUP = '<img src=x onerror="window.injected = true"><script>window.injected = true</script>'
