import { AgentError } from 'countersign/agent'
import { expect, it } from 'vitest'
import { createOneConsent } from '../../../src/mcp/consent/one-consent.js'

const url = 'https://api.example/mcp'

/** Sends each request to a server behind an auth server that refuses to ask for everything. */
function behind(refusal: Error) {
  const sent: (string | null)[] = []
  const { fetch, stop } = createOneConsent(async (_url, init) => {
    const prefer = new Headers(init?.headers).get('prefer')
    sent.push(prefer)
    if (prefer !== null) throw refusal
    return new Response(init?.body as string)
  })
  return { sent, fetch, stop }
}

it('asks only for what a call needs if the auth server refuses everything, and then never asks for everything again', async () => {
  const { sent, fetch } = behind(new AgentError('access_denied', 'A rule denies this.'))
  expect(await (await fetch(url, { method: 'POST', body: 'call' })).text()).toBe('call')
  await fetch(url, { method: 'POST', body: 'call' })
  expect(sent).toEqual(['consent=all', null, null])
})

it('asks only for what a call needs once it is stopped', async () => {
  const { sent, fetch, stop } = behind(new Error('unused'))
  stop()
  await fetch(url)
  expect(sent).toEqual([null])
})

it.each([new AgentError('consent_required', 'Decide.'), new TypeError('fetch failed')])(
  'rejects with %s, without another request',
  async (error) => {
    const { sent, fetch } = behind(error)
    await expect(fetch(url)).rejects.toBe(error)
    expect(sent).toEqual(['consent=all'])
  },
)
