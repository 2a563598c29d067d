import { expect, it, onTestFinished, vi } from 'vitest'
import { createGuardedFetch } from '../../src/discovery/guarded-fetch.web.js'

it('the guarded fetch of the web names every failure of the network alike, and follows nothing', async () => {
  const cause = new Error('in the words of a platform')
  const asked: unknown[] = []
  vi.stubGlobal('fetch', async (...given: unknown[]) => {
    asked.push(given)
    throw cause
  })
  onTestFinished(() => void vi.unstubAllGlobals())
  const failed = createGuardedFetch()('https://agent.example/', { headers: { accept: 'image/png' } })
  await expect(failed).rejects.toThrow(new TypeError('the fetch failed', { cause }))
  expect(asked).toEqual([['https://agent.example/', { headers: { accept: 'image/png' }, redirect: 'manual' }]])
})

it.each(['http://agent.example/', 'http://127.0.0.1:8001/', 'file:///etc/passwd', 'HTTPS://agent.example/'])(
  'the guarded fetch of the web refuses %s',
  async (url) => {
    await expect(createGuardedFetch()(url)).rejects.toThrow(/refused/)
  },
)

it('a proxy for what goes out works on Node only, and elsewhere says so', () => {
  expect(() => createGuardedFetch({ egressProxy: 'http://proxy.example:3128' })).toThrow(
    /egressProxy works on Node only/,
  )
  expect(() => createGuardedFetch({ allowNetworks: [{ cidr: '10.0.0.0/8' }] })).not.toThrow()
})
