import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Awaitable } from './awaitable.js'
import type { CancelToken } from './cancel-token.js'
import { checkOrchestratorOptions } from './check-options.js'
import type { CommitFence } from './commit-gate.js'
import { InvalidOptionsError, InvalidResultError, isGenerationJobError, show } from './errors.js'
import type { GenerationSource } from './generation-source.js'
import type { OrchestratorOptions } from './options.js'
import type { Producer } from './producer.js'
import type { RunContext } from './run-context.js'
import { type GenerationEvent, StandAloneRun } from './stand-alone-run.js'

/** What a stage works with; see {@link RunContext}. */
export type StageContext = Pick<RunContext, 'jobId' | 'token' | 'signal' | 'emit' | 'tryEmit' | 'defer' | 'logger'>

type Generate<Prompt> = (prompt: Prompt, run: StageContext) => Awaitable<GenerationSource>
type Validate<Result> =
  | StandardSchemaV1<unknown, Result>
  | ((text: string, run: StageContext) => Result | Promise<Result>)
type Commit<Result> = (result: Result, fence: CommitFence) => void | Promise<void>
/** Holds only where a type parameter was left at the type it has without the stage in question. */
type Same<A, B> = [A] extends [B] ? unknown : never

interface Stages {
  prompt?: ((request: never, run: StageContext) => unknown) | undefined
  generate: (prompt: never, run: StageContext) => Awaitable<GenerationSource>
  validate?: Validate<unknown> | undefined
  commit?: ((result: never, fence: CommitFence) => void | Promise<void>) | undefined
}

/** How a stage runs once the types are checked at the door. */
interface CheckedStages<Request, Result> {
  prompt: ((request: Request, run: StageContext) => unknown) | undefined
  generate: (prompt: unknown, run: StageContext) => Awaitable<GenerationSource>
  validate: Validate<Result> | undefined
  commit: Commit<Result> | undefined
}

/**
 * Prompt → generate → validate → commit as one producer: each stage is a step, a cancel stops it in any of them, and `commit` is
 * called only with the validated result of a text that is whole. Stages that are left out are not announced.
 */
export class GenerationOrchestrator<Request, Result = string, Prompt = Request> {
  readonly #stages: CheckedStages<Request, Result>
  readonly #options: OrchestratorOptions

  constructor(
    stages: {
      prompt?: undefined
      generate: Generate<Request>
      validate?: undefined
      commit?: Commit<string> | undefined
    } & Same<string, Result> &
      Same<Request, Prompt>,
    options?: OrchestratorOptions,
  )
  constructor(
    stages: {
      prompt?: undefined
      generate: Generate<Request>
      validate: Validate<Result>
      commit?: Commit<Result> | undefined
    } & Same<Request, Prompt>,
    options?: OrchestratorOptions,
  )
  constructor(
    stages: {
      prompt: (request: Request, run: StageContext) => Awaitable<Prompt>
      generate: Generate<Prompt>
      validate?: undefined
      commit?: Commit<string> | undefined
    } & Same<string, Result>,
    options?: OrchestratorOptions,
  )
  constructor(
    stages: {
      prompt: (request: Request, run: StageContext) => Awaitable<Prompt>
      generate: Generate<Prompt>
      validate: Validate<Result>
      commit?: Commit<Result> | undefined
    },
    options?: OrchestratorOptions,
  )
  /** @throws {InvalidOptionsError} when a stage or an option is wrong */
  constructor(stages: Stages, options?: OrchestratorOptions) {
    this.#stages = checkStages<Request, Result>(stages)
    this.#options = checkOrchestratorOptions(options)
  }

  /** The producer of one generation, for `manager.register`. */
  producer(request: Request): Producer<Result> {
    const generate = (run: RunContext): Promise<Result> => this.#generate(request, run)
    return generate as Producer<Result>
  }

  /**
   * Generates without a manager: events, then exactly one of `complete`, `cancelled` or `error`, which is the last and comes after
   * the cleanups. Starts at the first `next()`; nothing is thrown. A consumer that leaves early cancels the generation.
   *
   * @param token cancels: a token (its reason's kind is kept), an AbortSignal, or a predicate (kind `signal`) that is looked at
   *   before each event and every 100 ms
   */
  generateWithEvents(
    request: Request,
    token?: CancelToken | AbortSignal | (() => boolean),
  ): AsyncGenerator<GenerationEvent<Result>, void, void> {
    return new StandAloneRun<Result>(this.producer(request), this.#options, checkToken(token))
  }

  async #generate(request: Request, run: RunContext): Promise<Result> {
    const { prompt, generate, validate, commit } = this.#stages
    const stage: StageContext = run
    let input: unknown = request
    if (prompt) {
      run.step('Prompting')
      input = await prompt(request, stage)
    }
    run.step('Generating') // throws when a cancel came meanwhile
    const { text } = await run.stream(await generate(input, stage))
    let result = text as Result // without validation the text is the result
    if (validate) {
      run.step('Validating')
      result = await validated(text, validate, stage)
    }
    if (commit) {
      run.step('Committing')
      await run.commit((fence) => commit(result, fence))
    }
    return result
  }
}

function checkStages<Request, Result>(stages: Stages): CheckedStages<Request, Result> {
  const fail = (expected: string): never => {
    throw new InvalidOptionsError(`GenerationOrchestrator stages: expected ${expected}.`)
  }
  if (typeof stages !== 'object' || stages === null) fail(`an object, got ${show(stages)}`)
  const { prompt, generate, validate, commit, ...unknown } = stages
  if (typeof generate !== 'function') fail(`generate to be a function, got ${show(generate)}`)
  if (prompt !== undefined && typeof prompt !== 'function') fail(`prompt to be a function, got ${show(prompt)}`)
  if (commit !== undefined && typeof commit !== 'function') fail(`commit to be a function, got ${show(commit)}`)
  if (validate !== undefined && typeof validate !== 'function' && !isSchema(validate)) {
    fail(`validate to be a function or a Standard Schema, got ${show(validate)}`)
  }
  const names = Object.keys(unknown)
  if (names.length > 0) fail(`prompt, generate, validate and commit only, got ${names.join(', ')}`)
  return { prompt, generate, validate, commit } as CheckedStages<Request, Result>
}

function checkToken<Token>(token: Token): Token {
  const { onCancel, aborted } = (token ?? {}) as { onCancel?: unknown; aborted?: unknown }
  if (
    token === undefined ||
    typeof token === 'function' ||
    typeof onCancel === 'function' ||
    typeof aborted === 'boolean'
  ) {
    return token
  }
  throw new InvalidOptionsError(
    `generateWithEvents token: expected a CancelToken, an AbortSignal or a function, got ${show(token)}.`,
  )
}

function isSchema(value: unknown): value is StandardSchemaV1 {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && '~standard' in value
}

async function validated<Result>(text: string, validate: Validate<Result>, stage: StageContext): Promise<Result> {
  try {
    return await (isSchema(validate)
      ? parsed(text, validate as StandardSchemaV1<unknown, Result>)
      : validate(text, stage))
  } catch (cause) {
    if (isGenerationJobError(cause)) throw cause
    throw new InvalidResultError('The validation of the result threw; its error is the cause.', undefined, { cause })
  }
}

async function parsed<Result>(text: string, schema: StandardSchemaV1<unknown, Result>): Promise<Result> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new InvalidResultError('The text is not JSON, so the schema cannot be applied.') // its error quotes the text
  }
  const result = await schema['~standard'].validate(value)
  if (!result.issues) return result.value
  const issues = result.issues.map(({ message, path }) => ({
    message,
    ...(path && { path: path.map((part) => (typeof part === 'object' ? part.key : part)) }),
  }))
  throw new InvalidResultError(`The result does not match the schema (${issues.length} issues).`, issues)
}
