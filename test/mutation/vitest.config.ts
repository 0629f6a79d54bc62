import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** The tests that Stryker runs for each change: those of the decisions, without the explorer and the real servers. */
export default defineConfig({
  root: path('../..'),
  resolve: {
    alias: [
      { find: /^generation-jobs$/, replacement: path('../../src/index.ts') },
      { find: /^generation-jobs\/([\w-]+)$/, replacement: path('../../src/$1/index.ts') },
    ],
  },
  test: {
    include: [
      'test/core/{decisions,wait,commit,two-nodes,log-lines,limits,store-failures}.test.ts',
      'test/testing/job-store-contract.test.ts',
    ],
  },
})
