/**
 * A clock that stands still, sources that misbehave, and an explorer of schedules; for any test runner.
 *
 * @module generation-jobs/testing
 */
export { type CancelAtOptions, cancelAt } from './cancel-at.js'
export {
  type CancellationContractOptions,
  cancellationContract,
  type ProducerUnderTest,
  type SourceUnderTest,
} from './contracts/cancellation-contract.js'
export type { StoreUnderTest } from './contracts/contract-world.js'
export { type ContractCase, jobStoreContract } from './contracts/job-store-contract.js'
export { type ControlledSource, controlledSource } from './controlled-source.js'
export { type CountingSignal, countingSignal } from './counting-signal.js'
export type { Scenario } from './explorer/execution.js'
export { type Exploration, explore, replay, type Violation } from './explorer/explore.js'
export type { ExploreOptions } from './explorer/explore-options.js'
export { ExplorerError } from './explorer/explorer-error.js'
export type { Fact, FactBody } from './explorer/facts.js'
export type { Schedule } from './explorer/schedule.js'
export type { Trace, TraceStep } from './explorer/trace.js'
export type { EventOptions, World, WorldNode } from './explorer/world.js'
export type { WorldSourceOptions } from './explorer/world-source.js'
export type { StoreAnswer, StoreAnswers } from './explorer/world-store.js'
export {
  type FaultPlan,
  type FaultyStore,
  faultyStore,
  type StoreCall,
  type StoreFault,
} from './faulty-store.js'
export type { HostileEnding, HostileSource } from './hostile-source.js'
export { type HostileSourceName, type HostileSourcesOptions, hostileSources } from './hostile-sources.js'
export { GUARANTEES } from './invariants/guarantees.js'
export type { Invariant, Moment } from './invariants/invariant.js'
export {
  assertNoLeaks,
  LeakError,
  type LeakProbe,
  type LeakProbeOptions,
  type LeakReport,
} from './leak-probe.js'
export type { RecordedSource, SourceChunk, SourceFaults, SourceRecord } from './recorded-source.js'
export {
  type RecordingStore,
  type RecordingStoreOptions,
  recordingStore,
  type SaveCall,
  type SaveFence,
} from './recording-store.js'
export {
  type ScriptedSource,
  type ScriptedSourceOptions,
  type ScriptStep,
  scriptedSource,
} from './scripted-source.js'
export type { StoreOperation } from './store-operations.js'
export {
  createVirtualClock,
  type TimerInfo,
  type VirtualClock,
  type VirtualClockOptions,
} from './virtual-clock.js'
