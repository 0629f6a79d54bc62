import type { Contender, Work } from '../measure/alternate.ts'

/** Prepares and runs the work again and again for so long; answers how often. */
export async function repeat(
  contender: Contender,
  forMs: number,
  run: (work: Work) => unknown = (work) => work(),
): Promise<number> {
  const until = performance.now() + forMs
  let works = 0
  for (; performance.now() < until; works++) await run(await contender())
  return works
}
