import { expect, it, onTestFinished, vi } from 'vitest'
import { createGuardedFetch } from '../../src/discovery/guarded-fetch.web.js'

it('the guarded fetch for the web reports every network failure the same way, and follows no redirects', async () => {
  const cause = new Error('in platform-specific words')
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
  'the guarded fetch for the web rejects %s',
  async (url) => {
    await expect(createGuardedFetch()(url)).rejects.toThrow(/refused/)
  },
)

it('an egress proxy works only on Node, and is rejected elsewhere', () => {
  expect(() => createGuardedFetch({ egressProxy: 'http://proxy.example:3128' })).toThrow(
    /egressProxy works only on Node.js/,
  )
  expect(() => createGuardedFetch({ allowNetworks: [{ cidr: '10.0.0.0/8' }] })).not.toThrow()
})
