import { styleText } from 'node:util'
import { type CancelKind, type ErrorCode, MESSAGES } from 'generation-jobs'
import { type Locale, wordsOf } from '../words.ts'
import { createDialoguePreview } from './dialogue-preview.ts'
import type { GenerationView } from './generation-view.ts'
import { createScreen, isTerminal } from './screen.ts'

/** How often the elapsed time is drawn anew. */
const REFRESH_MS = 100
const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

/** Shows steps, the text as it comes and, on a terminal, a progress line. */
export function createTextView(
  output: NodeJS.WritableStream,
  errors: NodeJS.WritableStream,
  locale: Locale,
): GenerationView {
  const words = wordsOf(locale)
  const messages = MESSAGES[locale]
  const screen = createScreen(output)
  const preview = createDialoguePreview()
  const startedAt = performance.now()
  let phase = words.preparing
  let hint = words.interruptHint
  let chunks = 0
  let trainingSince: number | undefined

  const dim = (text: string) => (isTerminal(output) ? styleText('dim', text) : text)
  const seconds = (since: number) => ((performance.now() - since) / 1000).toFixed(1)
  const frame = () => SPINNER[Math.floor((performance.now() - startedAt) / REFRESH_MS) % SPINNER.length]

  function progress(): void {
    const counted = chunks > 0 ? words.tokens(chunks) : ''
    const parts = [`${frame()} ${phase}`, `${seconds(startedAt)} s`, counted, hint]
    screen.status(parts.filter(Boolean).join(' · '))
  }

  function enter(next: string): void {
    phase = next
    progress()
  }

  /** What the person did is an interruption; every other cancel names its reason. */
  const endOf = (kind: CancelKind) => (kind === 'user' ? messages.interrupted : messages.cancelled[kind])
  const describe = ({ code, message, cause }: { code: string; message: string; cause?: unknown }) => {
    const reason = messages.errors[code as ErrorCode] ?? messages.errors['producer.failed']
    const details = [code, message, systemCodeOf(cause)].filter((detail, index) => index === 0 || detail !== code)
    return `${reason} (${details.filter(Boolean).join(' · ')})`
  }

  const timer = isTerminal(output) ? setInterval(progress, REFRESH_MS) : undefined

  return {
    started({ jobId, model, seed }) {
      const shown = seed === undefined ? [model] : [words.localModel, `--seed ${seed}`]
      screen.line(dim([`${words.model} ${shown.join(' · ')}`, `job ${jobId}`].join(' · ')))
      progress()
    },
    training(share) {
      if (trainingSince === undefined) {
        trainingSince = performance.now()
        // The progress line shows the rest.
        screen.line(dim(words.training))
      }
      if (share < 1) return enter(words.trainingProgress(Math.floor(share * 100)))
      screen.line(dim(words.trained(seconds(trainingSince))))
      enter('Generating')
    },
    event(event) {
      switch (event.type) {
        case 'step':
          screen.line(dim(`▸ ${event.step}`))
          enter(event.step)
          break
        case 'chunk':
          chunks += 1
          screen.write(preview.push(event.content))
          break
        default:
      }
    },
    interrupting() {
      hint = ''
      screen.line(messages.interrupting)
      enter(messages.interrupting)
    },
    notInterrupted({ outcome }) {
      if (outcome === 'too-late') screen.line(messages.tooLate)
      if (outcome === 'requested') screen.line(messages.requested)
    },
    ended({ outcome, file }) {
      clearInterval(timer)
      screen.status('')
      switch (outcome.status) {
        case 'completed':
          screen.line('')
          screen.line(`${messages.completed} (${seconds(startedAt)} s)`)
          if (file !== undefined) screen.line(words.saved(file))
          break
        case 'cancelled':
          screen.line(endOf(outcome.reason.kind))
          screen.line(dim(words.nothingSaved))
          break
        case 'failed':
          screen.line(describe(outcome.error))
          if (outcome.commit === 'none') screen.line(dim(words.nothingSaved))
          break
      }
    },
    log(line) {
      screen.aside(errors, line)
    },
    close() {
      clearInterval(timer)
      screen.close()
    },
  }
}

/** `ENOSPC` and its like, from wherever in the chain of causes: what the person can do something about. */
function systemCodeOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && typeof cause.code === 'string' && /^E[A-Z]+$/.test(cause.code)) return cause.code
  }
  return undefined
}
