// @vitest-environment jsdom
import { act, render } from '@testing-library/react'
import { createGenerationClient } from 'generation-jobs/client'
import { useGeneration, useGenerationModal } from 'generation-jobs/react'
import { createElement, StrictMode, useEffect } from 'react'
import { hydrateRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { expect, it, vi } from 'vitest'
import { clientFixture } from '../support/client-fixture.ts'

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

function Page({ client }: { client: ReturnType<typeof clientFixture>['client'] }) {
  const { phase } = useGeneration(client)
  const { open, title } = useGenerationModal(client)
  return createElement('main', null, `${phase} ${open ? title : 'closed'}`)
}

/** What an application writes that resumes after a reload. */
function Follower({ client }: { client: ReturnType<typeof clientFixture>['client'] }) {
  useEffect(() => {
    void client.attach('job-1')
    return client.reset
  }, [client])
  return createElement('p', null, useGeneration(client).phase)
}

it('UI-11: renders on a server without window, and hydrates without a warning', async () => {
  const { client, clock } = clientFixture()
  const onServer = createGenerationClient<{ topic: string }, string>({ baseUrl: '/api' })
  const html = renderToString(createElement(StrictMode, null, createElement(Page, { client: onServer })))
  expect(html).toBe('<main>idle closed</main>')

  const faults: unknown[] = []
  const complaints = vi.spyOn(console, 'error')
  const container = document.createElement('div')
  container.innerHTML = html
  document.body.append(container)
  const root = await act(async () =>
    hydrateRoot(container, createElement(StrictMode, null, createElement(Page, { client })), {
      onRecoverableError: (error) => faults.push(error),
    }),
  )
  await act(async () => {
    await client.start({ topic: 'owls' })
    await clock.settle()
  })
  expect(container.textContent).toBe('running Génération en cours...')
  act(() => root.unmount())
  expect([...faults, ...complaints.mock.calls]).toEqual([])
  complaints.mockRestore()
})

it('UI-11: attaching in an effect makes one connection at most, also in StrictMode', async () => {
  const { client, clock, server } = clientFixture()
  server.addJob('job-1')
  const view = render(createElement(StrictMode, null, createElement(Follower, { client })))
  await act(() => clock.settle())
  expect(server.job().openStreams()).toBe(1)
  expect(view.container.textContent).toBe('running')
  view.unmount()
  await clock.settle()
  expect(server.job().openStreams()).toBe(0)
})
