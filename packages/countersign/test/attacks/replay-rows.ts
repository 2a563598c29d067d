import { expect } from 'vitest'
import { plusHeader } from '../httpsig/crafted-message.js'
import type { Case, Message, Outcome, Row } from './attack.js'
import {
  accepted,
  badInput,
  craft,
  headerChanged,
  headerOf,
  lacks,
  type Parts,
  type PartsOf,
  passes,
  refused,
  refusedUnasked,
  resigned,
  tampered,
} from './crafted-cases.js'
import { agentReference, ids, signers } from './parties.js'
import type { Answer } from './raw-http.js'
import type { Stage } from './stage.js'
import { authorized } from './token-slots.js'

const post: Parts = { method: 'POST', body: '{"action":"update"}' }
const nonce = 'Y3VyaW91c2x5Y3VyaW91cw'
const withNonce: Parts = { ...post, fields: { nonce } }
/** An accepted message, sent again unchanged or changed. */
function again(
  claim: string,
  options: { base?: PartsOf; change?: (sent: Message, stage: Stage) => Message | Promise<Message> },
  expected: Outcome,
): Case {
  const { base = withNonce, change = (sent) => sent } = options
  return {
    claim,
    valid: (stage) => craft(stage, base),
    attack: async (stage, valid) => {
      expect((await stage.send(valid)).status).toBe(200)
      const message = await change(valid, stage)
      return () => stage.send(message)
    },
    expected,
  }
}

function flood(stage: Stage, count: number, target = '/data'): Promise<Answer[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const own = Buffer.alloc(16, index % 256)
        .fill(index >> 8, 15)
        .toString('base64url')
      const message = {
        ...post,
        target,
        fields: { nonce: own },
        signer: signers.attacker,
        signatureKey: 'own key',
      } as const
      return stage.send(await craft(stage, message))
    }),
  )
}

/** The part of group S about nonces and copies. */
export const replayRows: readonly Row[] = [
  {
    id: 'S39',
    given: 'an invalid Nonce',
    cases: [
      tampered('not covered', (sent) => plusHeader(sent, 'nonce', nonce), lacks('nonce'), { base: post }),
      ...[
        ['11 bytes', 'AAAAAAAAAAAAAAA'],
        ['base64 with padding', 'AAAAAAAAAAAAAAAAAAAAAA=='],
        ['must be base64url', 'AAAA+AAA/AAAAAAAAAAAAA'],
        ['unused bits', 'AAAAAAAAAAAAAAAAAAAAAB'],
        ['quoted', `"${nonce}"`],
        ['two joined', `${nonce}, ${nonce}`],
        ['1 KiB', 'A'.repeat(1024)],
      ].map(([claim, value = '']) =>
        resigned(String(claim), { ...post, fields: { nonce: value } }, refusedUnasked, { base: withNonce }),
      ),
      tampered('two headers', (sent) => plusHeader(sent, 'Nonce', nonce), refusedUnasked, { base: withNonce }),
      headerChanged('another one', 'nonce', () => 'AAAAAAAAAAAAAAAAAAAAAA', refused, { base: withNonce }),
      headerChanged('taken out', 'nonce', () => undefined, badInput, { base: withNonce }),
    ],
  },
  {
    id: 'S40',
    given: 'a server that requires nonces',
    cases: [
      resigned('POST without', post, lacks('nonce'), { options: { nonce: 'required' } }),
      resigned('DELETE without', { method: 'DELETE' }, lacks('nonce'), { options: { nonce: 'required' } }),
      passes('POST with', withNonce, { options: { nonce: 'required' } }),
    ],
  },
  {
    id: 'S41',
    given: 'an accepted request, replayed',
    cases: [
      again('at the same instance', {}, refused),
      again('at the other instance', { change: (sent) => ({ ...sent, instance: 1 }) }, refused),
      again(
        'signed again with the same nonce',
        { change: (_sent, stage) => craft(stage, { ...withNonce, created: stage.clock.now + 1 }) },
        refused,
      ),
      again(
        'signed again with the same nonce, with the key found by another route',
        {
          change: (_sent, stage) =>
            craft(stage, {
              ...withNonce,
              signatureKey: { ...agentReference, id: ids.attacker },
              signer: signers.agent,
            }),
          base: (stage) => {
            stage.documents.set(`${ids.attacker}/jwks.json`, { keys: [signers.agent.jwk] })
            return withNonce
          },
        },
        refused,
      ),
    ],
  },
  {
    id: 'S42',
    given: 'an accepted nonce, reused with another key',
    cases: [
      again(
        'another key of the same agent',
        {
          base: (stage) => {
            stage.documents.set(`${ids.agent}/jwks.json`, { keys: [signers.agent.jwk, signers.agentNext.jwk] })
            return withNonce
          },
          change: (_sent, stage) =>
            craft(stage, {
              ...withNonce,
              signer: signers.agentNext,
              signatureKey: { ...agentReference, kid: signers.agentNext.kid },
            }),
        },
        accepted,
      ),
      again(
        'a key in the header',
        { change: (_sent, stage) => craft(stage, { ...withNonce, signer: signers.attacker, signatureKey: 'own key' }) },
        accepted,
      ),
    ],
  },
  {
    id: 'S43',
    given: '50 copies of one signed POST in parallel on two instances',
    races: [
      {
        claim: 'exactly one is accepted',
        race: async (stage) => {
          const message = await craft(stage, withNonce)
          return Promise.all(
            Array.from({ length: 50 }, (_, copy) => stage.send({ ...message, instance: copy % 2 === 0 ? 0 : 1 })),
          )
        },
        counts: { 200: 1, 401: 49 },
        also: ({ handled }) => expect(handled).toEqual(['/data']),
      },
    ],
  },
  {
    id: 'S+ nonces',
    given: 'a flood of signed POSTs, each with its own nonce, from one key that proves no agent',
    races: [
      {
        claim: 'some of the nonces are stored, and the other requests are rejected until those have expired',
        race: (stage) => flood(stage, 300),
        counts: { 200: 256, 429: 44 },
      },
      {
        claim: 'another key, and an agent, are not affected',
        race: async (stage) => {
          await flood(stage, 300)
          const own: Parts = { ...withNonce, signer: signers.ecdsa, signatureKey: 'own key' }
          return Promise.all([own, withNonce].map(async (parts) => stage.send(await craft(stage, parts))))
        },
        counts: { 200: 2 },
      },
      {
        claim: 'no nonce of a request rejected for its level is stored',
        race: async (stage) => {
          await flood(stage, 300, '/identity')
          return flood(stage, 3)
        },
        counts: { 200: 3 },
      },
    ],
  },
  {
    id: 'S49',
    given: 'an auth token that was obtained',
    cases: [
      {
        claim: 'sent as Authorization: Bearer, unsigned',
        valid: async (stage) => craft(stage, { target: '/read', ...(await authorized(stage)) }),
        attack: async (stage, valid) => {
          const jwt = /jwt="([^"]*)"/.exec(headerOf(valid, 'signature-key'))?.[1] ?? ''
          const headers = [['host', 'resource.example'] as const, ['authorization', `Bearer ${jwt}`] as const]
          return () => stage.send({ ...valid, headers })
        },
        expected: refusedUnasked,
      },
      {
        claim: 'sent as Authorization: Bearer, signed with another key',
        valid: async (stage) => craft(stage, { target: '/read', ...(await authorized(stage)) }),
        attack: async (stage, valid) => {
          const jwt = /jwt="([^"]*)"/.exec(headerOf(valid, 'signature-key'))?.[1] ?? ''
          const message = await craft(stage, { target: '/read', signer: signers.attacker, signatureKey: 'own key' })
          return () => stage.send(plusHeader(message, 'authorization', `Bearer ${jwt}`))
        },
        expected: { status: 401, error: 'invalid_request', agentAuth: /^httpsig; identity=\?1$/ },
      },
    ],
  },
  {
    id: 'S50',
    given: 'an accepted request whose created is 59 s ahead',
    cases: [1, 60, 61, 100, 119].flatMap((seconds) =>
      ([0, 1] as const).map((instance) =>
        again(
          `again ${seconds} s later at instance ${instance}`,
          {
            base: ({ clock }) => ({ ...withNonce, created: clock.now + 59 }),
            change: (sent, { clock }) => {
              clock.now += seconds
              return { ...sent, instance }
            },
          },
          refused,
        ),
      ),
    ),
  },
]
