import { expect } from 'vitest'
import { createScriptedUser } from '../scripted-user.js'
import type { Attack, Outcome } from './attack.js'
import { breakableStorage, noBreakdown } from './breakable-storage.js'
import {
  allow,
  authRequest,
  openRequest,
  redemption,
  refreshTokenOf,
  signForm,
  type TokenRequest,
  view,
} from './flow.js'
import { delegateOf, type Identity, identityOf, newSigner } from './party.js'
import { expectSilent, failures } from './silent.js'
import type { Stage } from './stage.js'

/** A request to the public port for an admin-only path. */
function administrative(method: string, path: string): Attack {
  return {
    id: 'O08',
    claim: `${method} ${path} on the public port`,
    when: async (stage) => () => stage.fetch(new Request(stage.authServer + path, { method })),
    expected: { status: 404, page: 'not_found' },
  }
}

/** A valid request during an internal failure. */
function failing(
  failure: (typeof failures)[number],
  what: string,
  send: (stage: Stage) => Promise<() => Promise<Response>>,
  told: { error: string } | { page: string },
): Attack {
  const breakdown = noBreakdown()
  return {
    id: 'O03',
    claim: `${failure.what}, at ${what}`,
    options: { wrap: (storage) => breakableStorage(storage, breakdown), onError: () => undefined },
    when: async (stage) => {
      const ask = await send(stage)
      return async () => {
        Object.assign(breakdown, { ...noBreakdown(), error: failure.error })
        try {
          return await ask()
        } finally {
          Object.assign(breakdown, noBreakdown())
        }
      }
    },
    expected: {
      status: failure.status,
      ...told,
      also: (_stage, body, response) => {
        expectSilent(body)
        expectSilent([...response.headers].join('\n'))
      },
    },
  }
}

/** A request with a key that every instance has cached, and that its agent has since removed. */
function removedKey(
  claim: string,
  since: (stage: Stage) => void | Promise<void>,
  expected: Outcome,
  by: (stage: Stage) => Identity | Promise<Identity> = ({ agent }) => identityOf(agent),
): Attack {
  return {
    id: 'K22',
    claim,
    when: async (stage) => {
      const identity = await by(stage)
      const ask = async () => stage.fetch(await signForm(stage, await authRequest(stage, identity)))
      for (let instance = 0; instance < 2; instance++) expect((await ask()).status).toBe(200)
      stage.agent.keys = [(await newSigner()).jwk]
      await since(stage)
      return async () => {
        expect((await ask()).status).toBe(expected.status)
        return ask()
      }
    },
    expected,
  }
}

const later = (seconds: number) => (stage: Stage) => {
  stage.clock.now += seconds
}

/** A request from an agent whose key was cached, sent while its origin is down and the key is no longer fresh. */
function unreachableAgent(
  claim: string,
  begin: (stage: Stage) => Promise<() => Promise<TokenRequest>>,
  expected: Outcome,
): Attack {
  return {
    id: 'K23',
    claim: `${claim}, from an agent whose origin is down`,
    when: async (stage) => {
      await stage.fetch(await signForm(stage, await authRequest(stage)))
      stage.clock.now += 290
      const ask = await begin(stage)
      stage.clock.now += 11
      stage.agent.isDown = true
      return async () => stage.fetch(await signForm(stage, await ask()))
    },
    expected,
  }
}

const unknownKey: Outcome = {
  status: 401,
  error: 'invalid_signature',
  headers: { 'signature-error': /unknown_key/ },
  audit: ['agent.refused'],
}

/** Attacks on the operation of the server: group O, and the administrative rows of group K. */
export const operationsAttacks: readonly Attack[] = [
  {
    id: 'O',
    claim: 'the base case: the public port serves its document',
    when: async (stage) => () => stage.fetch(new Request(`${stage.authServer}/.well-known/aauth-issuer`)),
    expected: { status: 200, headers: { 'content-type': /^application\/json/ } },
  },
  ...failures.flatMap((failure) => {
    const code = failure.status === 503 ? 'temporarily_unavailable' : 'server_error'
    return [
      failing(
        failure,
        'the token endpoint',
        async (stage) => {
          const signed = await signForm(stage, await authRequest(stage))
          return () => stage.fetch(signed)
        },
        { error: code },
      ),
      failing(
        failure,
        'the consent page',
        async (stage) => {
          const opened = await openRequest(stage)
          const { user } = await view(stage, opened)
          return () => user.open(opened.url)
        },
        { page: code },
      ),
      failing(
        failure,
        'the sign-in form',
        async (stage) => {
          const url = `${stage.authServer}/account/sign-in`
          const user = createScriptedUser(stage.fetch)
          const html = await (await user.open(url)).text()
          return () => user.submit(html, url, { username: 'alice', password: 'wrong', action: 'login' })
        },
        { page: code },
      ),
    ]
  }),
  {
    id: 'K18',
    claim: 'an agent that publishes the private part of another of its keys',
    when: async (stage) => {
      const leaked = { ...(await newSigner()).jwk, kid: 'leaked', d: 'A'.repeat(43) }
      stage.agent.keys.push(leaked)
      const signed = await signForm(stage, await authRequest(stage))
      return () => stage.fetch(signed)
    },
    expected: {
      status: 200,
      audit: ['agent.private_key_published', 'request.created'],
      also: async ({ agent, storage }) => {
        const [event] = await storage.listEvents({ event: 'agent.private_key_published' })
        expect(event?.data).toEqual({ jwks_uri: `${agent.id}/jwks.json`, kid: 'leaked' })
      },
    },
  },
  removedKey('a removed key, within max-age: it is still accepted', later(299), {
    status: 200,
    audit: ['request.created', 'request.created'],
  }),
  removedKey('a removed key, after max-age', later(301), {
    status: 401,
    error: 'invalid_signature',
    headers: { 'signature-error': /unknown_key/ },
    audit: ['agent.refused', 'agent.refused'],
  }),
  removedKey(
    'an agent token signed with a removed key, after max-age',
    later(301),
    { status: 401, error: 'invalid_signature', audit: ['agent.refused', 'agent.refused'] },
    ({ agent, clock }) => delegateOf(agent, 'delegate-1', clock.now),
  ),
  unreachableAgent('a new request', async (stage) => () => authRequest(stage), unknownKey),
  unreachableAgent(
    'a code',
    async (stage) => {
      const allowed = await allow(stage)
      return async () => redemption(allowed)
    },
    unknownKey,
  ),
  unreachableAgent(
    'a refresh, which still succeeds',
    async (stage) => {
      const allowed = await allow(stage, identityOf(stage.agent), { duration: 'until-removed' })
      const token = await refreshTokenOf(stage, allowed)
      return async () => ({
        by: identityOf(stage.agent),
        form: new URLSearchParams({ request_type: 'refresh', refresh_token: token }),
      })
    },
    { status: 200 },
  ),
  {
    id: 'K23',
    claim: 'a new request, with a token from a resource whose origin is down',
    when: async (stage) => {
      const ask = async () => stage.fetch(await signForm(stage, await authRequest(stage)))
      for (let instance = 0; instance < 2; instance++) expect((await ask()).status).toBe(200)
      stage.clock.now += 301
      stage.resource.isDown = true
      return ask
    },
    expected: { status: 400, error: 'invalid_resource_token' },
  },
  administrative('GET', '/admin'),
  administrative('GET', '/admin/agents'),
  ...['/healthz', '/readyz', '/metrics', '/debug', '/status', '/.env', '/admin/'].map((path) =>
    administrative('GET', path),
  ),
]
