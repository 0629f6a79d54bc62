// `npm run stryker`: changes every operator and constant of the pure decision files, one at a time; a change that no test notices is a hole.
export default {
  mutate: [
    'src/protocol/job-status.ts',
    'src/core/settlement.ts',
    'src/core/outcome.ts',
    'src/core/job-end.ts',
    'src/core/error-description.ts',
  ],
  testRunner: 'vitest',
  plugins: ['@stryker-mutator/vitest-runner'],
  vitest: { configFile: 'test/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // Constants of a module need a new process for each change; those tables are read by tests of their own.
  ignoreStatic: true,
  reporters: ['clear-text'],
  tempDirName: '.stryker-tmp',
  ignorePatterns: ['dist', 'bench', 'examples', '.ci', 'docs'],
  thresholds: { high: 100, low: 95, break: 90 },
}
