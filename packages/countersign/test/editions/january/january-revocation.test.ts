import { expect, it } from 'vitest'
import { revokeRefreshToken } from '../../../src/editions/january/january-revocation.js'
import { ids } from '../../agent/stage.js'

const endpoint = `${ids.authServer}/agent/revoke`
type Tools = Parameters<typeof revokeRefreshToken>[0]

function revoke(document: object | undefined, answer: () => Promise<Response>) {
  const sent: unknown[] = []
  const tools: Tools = {
    discovery: {
      findMetadata: async (_document: unknown, id: string) =>
        document === undefined ? { failure: new Error('not found') } : { found: { issuer: id, ...document } },
    } as unknown as Tools['discovery'],
    endpointOrigins: undefined,
    fetch: async (url, init) => {
      sent.push([url, init?.body, init?.method])
      return answer()
    },
  }
  const revoked = revokeRefreshToken(tools, { authServer: ids.authServer, refreshToken: 'refresh-1' })
  return revoked.then((isDone) => ({ isDone, sent }))
}

const answer = (status: number) => async () => new Response(null, { status })
const request = [[endpoint, new URLSearchParams({ token: 'refresh-1' }), 'POST']]

it.each<[string, object | undefined, () => Promise<Response>, boolean, unknown[]]>([
  ['accepted', { agent_revocation_endpoint: endpoint }, answer(200), true, request],
  ['refused', { agent_revocation_endpoint: endpoint }, answer(503), false, request],
  ['not delivered', { agent_revocation_endpoint: endpoint }, () => Promise.reject(new Error('lost')), false, request],
  ['not possible, without a document', undefined, answer(200), false, []],
  ['not needed, without an endpoint', {}, answer(200), true, []],
  ['not sent to another site', { agent_revocation_endpoint: 'https://evil.example/' }, answer(200), true, []],
])('a revocation that is %s', async (_what, document, respond, isDone, sent) => {
  expect(await revoke(document, respond)).toEqual({ isDone, sent })
})
