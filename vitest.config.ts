import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** These look at dist/ or run programs that import the package by its name; all others run from src/. */
const onBuild = ['test/dist/**/*.test.ts', 'test/docs/**/*.test.ts', 'test/examples/**/*.test.ts']
/** Real milliseconds: run late and one file at a time, so that nothing else takes the processor. */
const realTime = ['test/real-time/**/*.test.ts']
/** Real servers of Redis and PostgreSQL, with leases that run out. */
const onServers = ['test/{redis,bullmq,postgres}/**/*.test.ts']
/** A real Chromium on the web example. */
const inBrowser = ['test/browser/**/*.test.ts']

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
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [...onBuild, ...realTime, ...onServers, ...inBrowser],
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
      {
        extends: true,
        test: { name: 'redis', include: onServers, testTimeout: 60_000, sequence: { groupOrder: 3 } },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: inBrowser,
          globalSetup: ['test/dist/build-first.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
    coverage: { include: ['src/**'] },
  },
})
