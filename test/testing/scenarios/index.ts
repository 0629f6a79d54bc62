import { nodeScenarios } from './nodes.js'
import { oneJobScenarios } from './one-job.js'
import type { Explored } from './scenario.js'
import { severalJobScenarios } from './several-jobs.js'

export const SCENARIOS: readonly Explored[] = [...oneJobScenarios, ...severalJobScenarios, ...nodeScenarios]
