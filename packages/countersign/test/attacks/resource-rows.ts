import { expect } from 'vitest'
import type { Case, Outcome, Row } from './attack.js'
import { craft, type Parts, refused, refusedUnasked, resigned, resourceForm, surrounded } from './crafted-cases.js'
import { ids, signers } from './parties.js'
import type { Stage } from './stage.js'
import { authorized } from './token-slots.js'

const identity = /^httpsig; identity=\?1$/
const readable = async (stage: Stage): Promise<Parts> => ({ ...(await authorized(stage)), target: '/read' })

/** Another request for the route that requires an auth token. */
const proving = (claim: string, parts: Parts, expected: Outcome): Case => ({
  claim,
  valid: async (stage) => craft(stage, await readable(stage)),
  attack: async (stage) => {
    const message = await craft(stage, { ...parts, target: '/read' })
    return () => stage.send(message)
  },
  expected,
})

const scope = resourceForm({ scope: 'data.read' })
const offered = { options: { scopes: { 'data.read': 'Read' } }, base: scope } as const
const auth_request_url = `${ids.attacker}/request`
const refusedForm: Outcome = { status: 400, error: 'invalid_request', unasked: ids.attacker }

/** The part of group R about signatures and tokens at a resource. */
export const resourceRows: readonly Row[] = [
  {
    id: 'R01',
    given: 'a route that requires an auth token, and a request that proves no identity: nothing is issued',
    cases: [
      {
        ...proving('unsigned', {}, { ...refusedUnasked, agentAuth: identity }),
        attack: async (stage, valid) => () =>
          stage.send({ ...valid, headers: valid.headers.filter(([name]) => !name.startsWith('signature')) }),
      },
      proving('badly signed', { signer: signers.attacker }, { ...refused, agentAuth: identity }),
      proving(
        'with a key in the header',
        { signatureKey: 'own key' },
        { status: 401, error: 'invalid_request', agentAuth: identity },
      ),
      proving(
        'control: a known agent receives a resource token',
        {},
        { status: 401, minted: 1, agentAuth: /^httpsig; auth-token; resource_token="[\w.-]+"; auth_server="/ },
      ),
    ],
  },
  {
    id: 'R02',
    given: 'the resource token endpoint',
    cases: [
      resigned('control: an offered scope', scope, { status: 200, minted: 1 }, offered),
      resigned(
        'an unknown scope',
        resourceForm({ scope: 'data.admin' }),
        { status: 400, error: 'invalid_scope' },
        offered,
      ),
      ...[' ', 'data.read  data.write', 'data.read "', `${'x '.repeat(64)}x`].map((value) =>
        resigned(
          `an invalid scope: ${JSON.stringify(value.slice(0, 24))}`,
          resourceForm({ scope: value }),
          { status: 400, error: 'invalid_scope' },
          offered,
        ),
      ),
      resigned('a foreign auth_request_url', resourceForm({ auth_request_url }), refusedForm, offered),
      resigned('both', resourceForm({ scope: 'data.read', auth_request_url }), refusedForm, offered),
      resigned('none', resourceForm({ other: 'a' }), refusedForm, offered),
    ],
  },
  {
    id: 'R04',
    given: 'a flood with a new key for each request',
    later: 'also counted by address: test/resource/rate-limit.test.ts',
  },
  {
    id: 'R05',
    given: 'an unreachable auth server, and keys not seen before',
    cases: [500, 503, 'nothing'].map((answer) =>
      surrounded(
        `${answer} in response to the request for its keys`,
        (stage) => {
          const silent = () =>
            typeof answer === 'number'
              ? new Response('', { status: answer })
              : Promise.reject(new TypeError('fetch failed'))
          stage.documents.set(`${ids.authServer}/.well-known/aauth-issuer`, silent)
        },
        {
          status: 503,
          error: 'temporarily_unavailable',
          also: (_stage, { headers }) => expect(headers.get('retry-after')).toBe('5'),
        },
        { base: readable },
      ),
    ),
  },
  {
    id: 'R06',
    given: 'a body that was read before verification',
    later: 'a programming error, not a message: test/httpsig/sign-request.test.ts, test/node/node-listener.test.ts',
  },
]
