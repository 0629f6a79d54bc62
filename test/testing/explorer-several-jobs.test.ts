import { exploreAll } from './explore-scenarios.js'
import { severalJobScenarios } from './scenarios/several-jobs.js'

exploreAll('several jobs', severalJobScenarios)
