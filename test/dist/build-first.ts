import type { TestProject } from 'vitest/node'
import { ensureBuilt } from '../../scripts/ensure-ready.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    buildExitCode: number
  }
}

/** Builds dist/ with its types if it is not fresh. A failed build fails the tests of this project, not the whole run. */
export function setup(project: TestProject): void {
  project.provide('buildExitCode', ensureBuilt({ types: true }))
}
