import { exploreAll } from './explore-scenarios.js'
import { oneJobScenarios } from './scenarios/one-job.js'

exploreAll('one job in every order', oneJobScenarios.slice(0, 2))
