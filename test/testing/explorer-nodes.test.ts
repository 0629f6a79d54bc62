import { exploreAll } from './explore-scenarios.js'
import { nodeScenarios } from './scenarios/nodes.js'

exploreAll('slow stores and several nodes', nodeScenarios)
