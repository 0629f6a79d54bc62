// @vitest-environment jsdom
import { act, cleanup, fireEvent, render, renderHook, screen } from '@testing-library/react'
import { type GenerationModal, useGeneration, useGenerationModal } from 'generation-jobs/react'
import { createElement, StrictMode } from 'react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type ClientFixture, clientFixture } from '../support/client-fixture.ts'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })
afterEach(() => {
  cleanup()
  vi.restoreAllMocks()
})

/** The least modal that an application would write. */
function Modal({ client, clock }: Pick<ClientFixture, 'client' | 'clock'>) {
  const modal = useGenerationModal(client, { clock, steps: ['Prompting', 'Generating', 'Validating'] })
  if (!modal.open) return createElement('p', null, 'closed')
  if (modal.minimised) return createElement('button', { type: 'button', onClick: modal.onExpand }, modal.badge)
  return createElement(
    'div',
    { role: 'dialog', onKeyDown: modal.onKeyDown },
    createElement('h2', null, modal.title),
    createElement('p', { role: 'status', 'data-tone': modal.tone }, modal.message),
    createElement(
      'ol',
      null,
      ...modal.steps.map(({ name, status }) => createElement('li', { key: name }, `${name} ${status}`)),
    ),
    createElement('pre', null, modal.text),
    modal.canClose
      ? createElement('button', { type: 'button', onClick: modal.onClose }, 'Fermer')
      : createElement(
          'button',
          { type: 'button', onClick: modal.onInterrupt, disabled: !modal.canInterrupt },
          'Interrompre',
        ),
    createElement('button', { type: 'button', onClick: modal.onMinimise }, 'Réduire'),
  )
}

/** Everything that changes a state is done inside `act`. */
function modalFixture(strict = false) {
  const fixture = clientFixture()
  const { client, clock, server } = fixture
  const element = createElement(Modal, { client, clock })
  const view = render(strict ? createElement(StrictMode, null, element) : element)
  return {
    ...fixture,
    view,
    title: () => screen.queryByRole('heading')?.textContent,
    message: () => screen.queryByRole('status')?.textContent,
    tone: () => screen.queryByRole('status')?.getAttribute('data-tone'),
    isOpen: () => screen.queryByText('closed') === null,
    button: (name: string) => screen.getByRole<HTMLButtonElement>('button', { name }),
    start: () =>
      act(async () => {
        await client.start({ topic: 'owls' })
        await clock.settle()
      }),
    emit: (...bodies: Parameters<ReturnType<typeof server.job>['emit']>) =>
      act(async () => {
        server.job().emit(...bodies)
        await clock.settle()
      }),
    advance: (ms: number) => act(() => clock.advance(ms)),
  }
}

const chunk = (content: string) => ({ type: 'chunk', content })

describe('useGeneration', () => {
  it('UI-01: renders each phase, with the client’s own state objects', async () => {
    const { client, clock, server } = clientFixture()
    const { result, rerender } = renderHook(() => useGeneration(client))
    expect(result.current).toBe(client.getState())
    await act(async () => {
      await client.start({ topic: 'owls' })
      await clock.settle()
    })
    expect(result.current).toBe(client.getState())
    expect(result.current.phase).toBe('running')
    const before = result.current
    rerender()
    expect(result.current).toBe(before)
    await act(async () => {
      server.job().emit({ type: 'complete', result: 1 })
      await clock.settle()
    })
    expect(result.current).toMatchObject({ phase: 'completed', result: 1 })
  })
})

describe('useGenerationModal', () => {
  it('UI-01: opens at the start and shows title, steps and text', async () => {
    const { start, emit, title, isOpen, tone } = modalFixture()
    expect(isOpen()).toBe(false)
    await start()
    expect(title()).toBe('Génération en cours...')
    await emit({ type: 'step', step: 'Prompting' }, { type: 'step', step: 'Generating' }, chunk('Il était'))
    expect(screen.getAllByRole('listitem').map(({ textContent }) => textContent)).toEqual([
      'Prompting done',
      'Generating active',
      'Validating waiting',
    ])
    expect(screen.getByText('Il était')).toBeTruthy()
    expect(tone()).toBe('neutral')
    await emit({ type: 'complete', result: 1 })
    expect(screen.getAllByRole('listitem').every(({ textContent }) => textContent?.endsWith('done'))).toBe(true)
  })

  it('UI-02: while interrupting the title says so, the button is disabled and a second click sends nothing', async () => {
    const { start, server, title, button, advance } = modalFixture()
    await start()
    server.faults.cancel.push('hang')
    await act(async () => {
      fireEvent.click(button('Interrompre'))
      fireEvent.click(button('Interrompre'))
    })
    expect(title()).toBe('Interruption en cours...')
    expect(button('Interrompre').disabled).toBe(true)
    await act(async () => fireEvent.click(button('Interrompre')))
    expect(server.count('cancel')).toBe(1)
    await advance(10_000)
  })

  it('UI-03: an interrupt that was confirmed shows its message for 3 000 ms, then the modal closes', async () => {
    const { start, title, tone, button, advance, isOpen } = modalFixture()
    await start()
    await act(async () => fireEvent.click(button('Interrompre')))
    await advance(0)
    expect(title()).toBe('Génération interrompue')
    expect(tone()).toBe('neutral')
    await advance(2_999)
    expect(isOpen()).toBe(true)
    await advance(1)
    expect(isOpen()).toBe(false)
  })

  it('UI-04: a forced end is a warning, then the modal closes', async () => {
    const { start, server, title, tone, button, advance, isOpen } = modalFixture()
    await start()
    server.faults.cancel.push('hang')
    await act(async () => fireEvent.click(button('Interrompre')))
    await advance(9_999)
    expect(title()).toBe('Interruption en cours...')
    await advance(1)
    expect(title()).toBe('Interruption terminée')
    expect(tone()).toBe('warning')
    await advance(3_000)
    expect(isOpen()).toBe(false)
  })

  it('UI-05: a completion offers Fermer and closes by itself after 3 000 ms', async () => {
    const { start, emit, title, tone, button, advance, isOpen } = modalFixture()
    await start()
    await emit({ type: 'complete', result: 1 })
    expect(title()).toBe('Génération terminée')
    expect(tone()).toBe('success')
    expect(button('Fermer')).toBeTruthy()
    await advance(2_999)
    expect(isOpen()).toBe(true)
    await advance(1)
    expect(isOpen()).toBe(false)
  })

  it('UI-05: Fermer closes at once and leaves no timer', async () => {
    const { start, emit, button, clock, isOpen } = modalFixture()
    await start()
    await emit({ type: 'complete', result: 1 })
    await act(async () => fireEvent.click(button('Fermer')))
    expect(isOpen()).toBe(false)
    expect(clock.timers()).toEqual([])
  })

  it('UI-05: stays while minimised, and its time begins when it is expanded', async () => {
    const { start, emit, title, button, advance, isOpen } = modalFixture()
    await start()
    await act(async () => fireEvent.click(button('Réduire')))
    await emit({ type: 'complete', result: 1 })
    await advance(60_000)
    expect(isOpen()).toBe(true)
    await act(async () => fireEvent.click(button('Génération terminée')))
    expect(title()).toBe('Génération terminée')
    await advance(2_999)
    expect(isOpen()).toBe(true)
    await advance(1)
    expect(isOpen()).toBe(false)
  })

  it('UI-06: an error shows its words, in the tone of an error, beside the text, until it is closed', async () => {
    const { start, emit, title, message, tone, button, advance, isOpen } = modalFixture()
    await start()
    await emit({ type: 'step', step: 'Generating' }, chunk('partial'))
    await emit({ type: 'error', code: 'provider.failed', message: 'Le modèle a échoué' })
    expect([title(), message(), tone()]).toEqual(['Génération échouée', 'Le modèle a échoué', 'error'])
    expect(screen.getByText('partial')).toBeTruthy()
    expect(screen.getByText('Generating stopped')).toBeTruthy()
    await advance(60_000)
    expect(isOpen()).toBe(true)
    await act(async () => fireEvent.click(button('Fermer')))
    expect(isOpen()).toBe(false)
  })

  it('UI-06: an interrupt that came too late says so and can not be repeated', async () => {
    const { start, server, button, message, tone, advance, title } = modalFixture()
    await start()
    server.faults.cancel.push(() => Response.json({ outcome: 'too-late', status: 'committing' }))
    await act(async () => fireEvent.click(button('Interrompre')))
    await advance(0)
    expect(title()).toBe('Génération en cours...')
    expect(message()).toContain('Trop tard')
    expect(tone()).toBe('warning')
    expect(button('Interrompre').disabled).toBe(true)
  })

  it('UI-07: minimised it is a badge with the step; expanded it has kept everything', async () => {
    const { start, emit, button, title } = modalFixture()
    await start()
    await emit({ type: 'step', step: 'Generating' }, chunk('a'))
    await act(async () => fireEvent.click(button('Réduire')))
    expect(title()).toBeUndefined()
    await emit(chunk('b'))
    await act(async () => fireEvent.click(button('Generating')))
    expect(title()).toBe('Génération en cours...')
    expect(screen.getByText('ab')).toBeTruthy()
  })

  it('UI-07: a new run is not minimised', async () => {
    const { start, emit, button, title, client } = modalFixture()
    await start()
    await act(async () => fireEvent.click(button('Réduire')))
    await emit({ type: 'complete', result: 1 })
    await act(async () => client.reset())
    await start()
    expect(title()).toBe('Génération en cours...')
  })

  it('UI-08: Escape interrupts while running, and does nothing while interrupting or at an end', async () => {
    const { start, server, emit, title, advance, isOpen } = modalFixture()
    await start()
    server.faults.cancel.push('hang')
    const pressEscape = () => act(async () => void fireEvent.keyDown(screen.getByRole('dialog'), { key: 'Escape' }))
    await act(async () => void fireEvent.keyDown(screen.getByRole('dialog'), { key: 'Enter' }))
    expect(title()).toBe('Génération en cours...')
    await pressEscape()
    expect(title()).toBe('Interruption en cours...')
    await pressEscape()
    expect(server.count('cancel')).toBe(1)
    await emit({ type: 'complete', result: 1 })
    await pressEscape()
    expect(title()).toBe('Génération terminée')
    expect(isOpen()).toBe(true)
    await advance(3_000)
  })

  it('UI-09: the text of an interrupted run stays in the state after the modal has closed', async () => {
    const { start, emit, button, advance, client, isOpen } = modalFixture()
    await start()
    await emit(chunk('partial'))
    await act(async () => fireEvent.click(button('Interrompre')))
    await advance(3_000)
    expect(isOpen()).toBe(false)
    expect(client.getState()).toMatchObject({ phase: 'interrupted', text: 'partial' })
  })

  it('UI-10: HTML and half-written JSON are text', async () => {
    const { start, emit } = modalFixture()
    await start()
    await emit(chunk('<img src=x onerror=alert(1)>{"title": "Le h'))
    expect(document.querySelector('img')).toBeNull()
    expect(document.querySelector('pre')?.textContent).toBe('<img src=x onerror=alert(1)>{"title": "Le h')
  })

  it('UI-11: StrictMode has one connection, and leaves no subscription and no timer', async () => {
    const { start, emit, server, view, clock, title, advance, isOpen } = modalFixture(true)
    await start()
    expect(server.count('stream')).toBe(1)
    await emit({ type: 'complete', result: 1 })
    expect(title()).toBe('Génération terminée')
    expect(clock.timers()).toHaveLength(1)
    await advance(3_000)
    expect(isOpen()).toBe(false)
    view.unmount()
    expect(clock.timers()).toEqual([])
  })

  it('UI-11: unmounting clears the timer of the auto-close, closes no stream and updates nothing', async () => {
    const complaints = vi.spyOn(console, 'error')
    const { start, emit, server, view, clock, client } = modalFixture()
    await start()
    view.unmount()
    expect(server.job().openStreams()).toBe(1)
    await emit(chunk('a'), { type: 'complete', result: 1 })
    expect(clock.timers()).toEqual([])
    expect(client.getState().phase).toBe('completed')
    const second = render(createElement(Modal, { client, clock }))
    expect(clock.timers()).toHaveLength(1)
    second.unmount()
    expect(clock.timers()).toEqual([])
    expect(complaints).not.toHaveBeenCalled()
  })

  it('closes nothing while the run lives, and survives a disposed client', async () => {
    const { client, clock, server } = clientFixture()
    const { result } = renderHook((): GenerationModal<string> => useGenerationModal(client, { clock }))
    await act(async () => {
      await client.start({ topic: 'owls' })
      await clock.settle()
    })
    act(() => result.current.onClose())
    expect(result.current.open).toBe(true)
    act(() => client.dispose())
    await act(async () => result.current.onInterrupt())
    expect(server.count('cancel')).toBe(0)
  })

  it('its callbacks are stable while nothing changes for them', async () => {
    const { client, clock, server } = clientFixture()
    const { result } = renderHook(() => useGenerationModal(client, { clock }))
    await act(async () => {
      await client.start({ topic: 'owls' })
      await clock.settle()
    })
    const { onInterrupt, onMinimise, onExpand, onKeyDown } = result.current
    await act(async () => {
      server.job().emit(chunk('a'))
      await clock.settle()
    })
    expect(result.current).toMatchObject({ onInterrupt, onMinimise, onExpand, onKeyDown })
  })
})

it('REG-12: the hook refuses an option that it does not know', () => {
  const { client } = clientFixture()
  vi.spyOn(console, 'error').mockImplementation(() => {}) // React tells of what a component threw
  const misspelt: object = { autoCloseMS: 1_000 }
  expect(() => renderHook(() => useGenerationModal(client, misspelt))).toThrow(
    'Expected one of autoCloseMs, steps, clock, got autoCloseMS',
  )
})
