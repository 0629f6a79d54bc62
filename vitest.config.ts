import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** These look at dist/ or run programs that import the package by its name; all others run from src/. */
const onBuild = ['test/dist/**/*.test.ts', 'test/docs/**/*.test.ts', 'test/examples/**/*.test.ts']
/** Real milliseconds: run last and one file at a time, so that nothing else takes the processor. */
const realTime = ['test/real-time/**/*.test.ts']

export default defineConfig({
  resolve: {
    alias: [
      { find: /^generation-jobs$/, replacement: path('./src/index.ts') },
      { find: /^generation-jobs\/([\w-]+)$/, replacement: path('./src/$1/index.ts') },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'source',
          include: ['test/**/*.test.ts'],
          exclude: [...onBuild, ...realTime],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'build',
          include: onBuild,
          globalSetup: ['test/dist/build-first.ts'],
          // Compiling and starting programs takes seconds on a small machine.
          testTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: 'real-time', include: realTime, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
    ],
    coverage: { include: ['src/**'] },
  },
})
