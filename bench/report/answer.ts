import type { Row } from '../measure/row.ts'

/** A question with its answer. */
export interface Answer {
  readonly name: string
  readonly title: string
  readonly rows: readonly Row[]
  /** Why there is no answer. */
  readonly skipped?: string
  readonly failed?: boolean
}
