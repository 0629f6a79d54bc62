import { exploreAll } from './explore-scenarios.js'
import { oneJobScenarios } from './scenarios/one-job.js'

exploreAll('kinds of one job', oneJobScenarios.slice(2))
