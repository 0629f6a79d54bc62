export type Say = (who: string, what: string) => void

/** Prints who does what, with the milliseconds since the program began, and job ids cut short. */
export function createNarrator(): Say {
  const startedAt = performance.now()
  return (who, what) => {
    const ms = Math.round(performance.now() - startedAt)
    console.log(
      `${`${ms} ms`.padStart(9)}  ${who.padEnd(8)}  ${what.replace(/([\da-f]{8})(-[\da-f]{4,12}){4}/g, '$1…')}`,
    )
  }
}
