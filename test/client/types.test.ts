import type { Messages } from 'generation-jobs'
import type { ClientMessages, GenerationClient, GenerationState } from 'generation-jobs/client'
import { expectTypeOf, it } from 'vitest'

it('a state is told apart by its phase, and Params and Result are the caller’s', () => {
  expectTypeOf<GenerationClient<{ a: 1 }, Date>['start']>().parameter(0).toEqualTypeOf<{ a: 1 }>()
  type Completed = Extract<GenerationState<Date>, { phase: 'completed' }>
  expectTypeOf<Completed['result']>().toEqualTypeOf<Date | undefined>()
  expectTypeOf<Extract<GenerationState, { phase: 'failed' }>['error']['code']>().toBeString()
  expectTypeOf<Extract<GenerationState, { phase: 'interrupted' }>['forced']>().toEqualTypeOf<boolean>()
  expectTypeOf<Extract<GenerationState, { phase: 'running' }>['jobId']>().toEqualTypeOf<string>()
  expectTypeOf<GenerationState['text']>().toEqualTypeOf<string>()
})

it('the words of a server will do for a client', () => {
  expectTypeOf<Messages>().toExtend<ClientMessages>()
})
