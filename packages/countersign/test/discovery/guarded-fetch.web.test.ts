import { fetchWithoutAddressChecks } from 'countersign/discovery'
import { expect, it, onTestFinished, vi } from 'vitest'
import { createGuardedFetch } from '../../src/discovery/guarded-fetch.web.js'

/** Replaces `fetch`, and returns its calls. */
function stubFetch(respond: () => Promise<Response> = async () => new Response('found')): unknown[][] {
  const calls: unknown[][] = []
  vi.stubGlobal('fetch', async (...given: unknown[]) => {
    calls.push(given)
    return respond()
  })
  onTestFinished(() => void vi.unstubAllGlobals())
  return calls
}

it('the unchecked fetch reports every network failure the same way, and follows no redirects', async () => {
  const cause = new Error('in platform-specific words')
  const calls = stubFetch(() => Promise.reject(cause))
  const failed = fetchWithoutAddressChecks('https://agent.example/', { headers: { accept: 'image/png' } })
  await expect(failed).rejects.toThrow(new TypeError('the fetch failed', { cause }))
  expect(calls).toEqual([['https://agent.example/', { headers: { accept: 'image/png' }, redirect: 'manual' }]])
})

it.each(['https://agent.example/', 'https://auth.example:8443/', 'http://auth.example/', 'http://127.0.0.1:8001/'])(
  'the guarded fetch for the web refuses %s, whose address it cannot check, and names the function that does not check it',
  async (url) => {
    const calls = stubFetch()
    for (const configuredOrigin of [undefined, 'https://auth.example'])
      await expect(createGuardedFetch(configuredOrigin ? { configuredOrigin } : {})(url)).rejects.toThrow(
        new Error(
          `the address of ${new URL(url).origin} cannot be checked on this platform: see fetchWithoutAddressChecks`,
        ),
      )
    expect(calls).toEqual([])
  },
)

it('the guarded fetch for the web fetches from the configured origin', async () => {
  const calls = stubFetch()
  const fetch = createGuardedFetch({ configuredOrigin: 'https://auth.example' })
  expect(await (await fetch('https://auth.example/jwks.json')).text()).toBe('found')
  expect(calls).toEqual([['https://auth.example/jwks.json', { redirect: 'manual' }]])
})

it('an egress proxy works only on Node, and is rejected elsewhere', () => {
  expect(() => createGuardedFetch({ egressProxy: 'http://proxy.example:3128' })).toThrow(
    /egressProxy works only on Node.js/,
  )
  expect(() => createGuardedFetch({ allowNetworks: [{ cidr: '10.0.0.0/8' }] })).not.toThrow()
})
