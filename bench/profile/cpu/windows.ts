/** Spans of time in which the work ran, in order. What is prepared between them is left out of a profile. */
export class Windows {
  readonly #edges: number[] = []

  async during(work: () => unknown): Promise<void> {
    this.#edges.push(instant())
    await work()
    this.#edges.push(instant())
  }

  /** Which of the instants, ascending, lie in a window. */
  *indexesOf(instants: Iterable<number>): Generator<number> {
    let edge = 0
    let index = 0
    for (const at of instants) {
      while (edge < this.#edges.length && (this.#edges[edge] ?? 0) <= at) edge++
      if (edge % 2 === 1) yield index
      index++
    }
  }
}

/** Microseconds of the machine's monotonic clock: the clock of the profiler, and the same one in every process. */
function instant(): number {
  return Number(process.hrtime.bigint()) / 1_000
}
