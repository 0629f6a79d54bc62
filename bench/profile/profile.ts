import type { Table } from './table.ts'

/** What one question's work is made of, found by profiling our contender. */
export interface Profile {
  readonly title: string
  /** Programs that must be on the PATH. */
  readonly needs?: readonly string[]
  take(): Promise<Table[]>
}
