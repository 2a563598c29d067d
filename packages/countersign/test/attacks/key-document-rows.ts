import type { FetchDocument, Signer } from 'countersign'
import { createCertificateFinder } from 'countersign/x509'
import { expect, onTestFinished, vi } from 'vitest'
import { has } from '../../../../test/needs.js'
import { answerJson, startServer } from '../discovery/loopback-server.js'
import { simulatePublicNetwork } from '../discovery/public-network.js'
import { requiredComponents, withHeader } from '../httpsig/crafted-message.js'
import { type CertificateParts, type Issued, issueCertificate, signerOf } from '../x509/certificates.js'
import type { Case, Outcome, Race, Row } from './attack.js'
import {
  accepted,
  craft,
  form,
  headerOf,
  type Parts,
  refused,
  refusedUnasked,
  resigned,
  tampered,
} from './crafted-cases.js'
import { answering, guarded, notFound, notFoundUnasked, reference, unknownBody } from './key-cases.js'
import { agentReference, ids, signers } from './parties.js'
import { agentDocument, agentKeys, agentMetadata, type Stage, type StageOptions } from './stage.js'
import { assemble, claiming, forged, slots } from './token-slots.js'

const text =
  (body: string, init: ResponseInit = {}) =>
  () =>
    new Response(body, init)
const jwks = (keys: readonly object[]) => ({ [agentKeys]: { keys } })
const filler = (count: number) => Array.from({ length: count }, (_, i) => ({ ...signers.attacker.jwk, kid: `k-${i}` }))

/** Sends the message with each key reference in turn and returns the last response. */
async function sendMany(stage: Stage, count: number, parts: (index: number) => Parts) {
  let last = await stage.send(await craft(stage, parts(0)))
  for (let index = 1; index < count; index++) last = await stage.send(await craft(stage, parts(index)))
  return last
}

const fetchesOf = ({ asked }: Stage, url: string) => asked.filter((candidate) => candidate === url).length

const ca = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']
const leafExtensions = ['subjectAltName=DNS:agent.example', 'keyUsage=critical,digitalSignature']
const root = issueCertificate({ name: 'root', extensions: ca, days: 4000 })
const otherRoot = issueCertificate({ name: 'root', extensions: ca })
const issueLeaf = (parts: Partial<CertificateParts> = {}) =>
  issueCertificate({ name: 'leaf', issuer: root, extensions: leafExtensions, ...parts })
const leaf = issueLeaf()
const chainUrl = `${ids.agent}/chain.pem`
// Later than the start of every certificate issued here.
const certified = Math.floor(Date.now() / 1000) + 300
const underRoots = (roots: readonly [string, ...string[]]): StageOptions => ({
  now: certified,
  certificates: (fetch: FetchDocument, now) => createCertificateFinder({ roots, fetch, now, failureTime: 'shortest' }),
})

function certificate(
  claim: string,
  issued: Issued,
  expected: Outcome = notFound,
  options = underRoots([root.pem]),
): Case {
  return {
    claim,
    options,
    valid: (stage) => craft(stage),
    attack: async (stage) => {
      const message = await certifiedMessage(stage, issued)
      return () => stage.send(message)
    },
    expected,
  }
}

async function certifiedMessage(stage: Stage, issued: Issued, x5t: string = issued.thumbprint) {
  stage.documents.set(chainUrl, text(issued.pem))
  const signer: Signer = await signerOf(issued)
  return craft(stage, { target: '/identity', signer, signatureKey: { scheme: 'x509', x5u: chainUrl, x5t } })
}

/** A token that was verified in the last second in which its issuer's keys were fresh, sent after that second. */
function takenOut(name: 'agentAtResource' | 'auth'): Case {
  const slot = slots[name]
  return {
    claim: `${slot.name}, verified a second before its signing key must be fetched again`,
    valid: async (stage) => craft(stage, await slot.bring(stage, await assemble(slot.parts(stage)))),
    attack: async (stage, valid) => {
      expect((await stage.send(valid)).status).toBe(200)
      stage.clock.now += 299
      const message = await craft(stage, await slot.bring(stage, await assemble(slot.parts(stage))))
      expect((await stage.send(message)).status).toBe(200)
      stage.documents.set(`${slot.issuer}/jwks.json`, { keys: [signers.agentNext.jwk] })
      stage.clock.now += 2
      return () => stage.send(message)
    },
    expected: slot.unknownKey,
  }
}

/** Holds the timers that limit how long documents are fetched. */
function holdTimeouts(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
}

/** One turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

const attackerAddress = '198.51.100.7'
const documentAt = (host: string) => `${host}/.well-known/aauth-agent`

/** 100 concurrent requests that name as many silent hosts; `release` makes the hosts respond. */
async function startFlood(stage: Stage, from: (index: number) => string, parts: Parts = {}) {
  const hosts = Array.from({ length: 100 }, (_, index) => `https://host-${index}.example`)
  const waiting: (() => void)[] = []
  for (const host of hosts) {
    const silence = () =>
      new Promise<Response>((resolve) => waiting.push(() => resolve(new Response('', { status: 404 }))))
    stage.documents.set(documentAt(host), silence)
  }
  // A host that takes too long would be given up, which frees its place.
  holdTimeouts()
  let turnedAway = 0
  const ask = async (id: string, index: number) => {
    const message = await craft(stage, { ...parts, ...reference({ id }) })
    const answer = await stage.send({ ...message, from: from(index) })
    if (answer.status === 429) {
      expect(answer.headers.get('retry-after')).toBe('3')
      turnedAway++
    }
    return answer
  }
  const answers = Promise.all(hosts.map(ask))
  let isFailed = false
  answers.catch(() => {
    isFailed = true
  })
  while (!isFailed && turnedAway + waiting.length < hosts.length) await turn()
  return {
    answers,
    release: () => {
      for (const answer of waiting) answer()
      const passing = setInterval(() => vi.advanceTimersByTime(100), 1)
      void answers.finally(() => {
        clearInterval(passing)
        vi.useRealTimers()
      })
    },
  }
}

function flood(claim: string, from: (index: number) => string, counts: Race['counts'], parts: Parts = {}): Race {
  return {
    claim,
    race: async (stage) => {
      const { answers, release } = await startFlood(stage, from, parts)
      release()
      return answers
    },
    counts,
    also: ({ asked }) => expect(asked.filter((url) => url.startsWith('https://host-'))).toHaveLength(counts[401] ?? 0),
  }
}

/** Many sequential requests, each naming another host whose key did not sign it. */
function namingAnyHost(claim: string, parts: Parts = {}): Case {
  return {
    claim,
    valid: (stage) => craft(stage),
    attack: async (stage) => {
      const message = { ...(await craft(stage, parts)), from: attackerAddress }
      const naming = (index: number) =>
        withHeader(message, 'signature-key', (value) => value.replace(ids.agent, `https://host-${index}.example`))
      return async () => {
        for (let index = 0; index < 300; index++) expect((await stage.send(naming(index))).status).toBe(401)
        let last = await stage.send(naming(300))
        for (let index = 301; index < (stage.wire ? 310 : 10_000); index++) last = await stage.send(naming(index))
        return last
      }
    },
    expected: {
      status: 429,
      error: 'too_many_requests',
      also: ({ asked }, { headers }) => {
        expect(asked.filter((url) => url.startsWith('https://host-'))).toHaveLength(300)
        expect(headers.get('retry-after')).toBe('60')
      },
    },
  }
}

/** The part of group K about the content of documents and how often they are fetched. */
export const keyDocumentRows: readonly Row[] = [
  {
    id: 'K13',
    given: 'documents of excessive size',
    cases: [
      answering('metadata of more than 16 KiB', { [agentDocument]: { ...agentMetadata, pad: 'a'.repeat(16_384) } }),
      answering('a JWKS of more than 64 KiB', { [agentKeys]: { keys: [signers.agent.jwk], pad: 'a'.repeat(65_536) } }),
      answering('an endless stream', {
        [agentKeys]: () =>
          new Response(
            new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(16_384).fill(32)) }),
          ),
      }),
      answering('compressed', {
        [agentKeys]: text(JSON.stringify({ keys: [signers.agent.jwk] }), { headers: { 'content-encoding': 'gzip' } }),
      }),
    ],
  },
  {
    id: 'K14',
    given: 'an origin that never responds',
    cases: [
      {
        ...answering('times out, while other requests are served', {
          [agentKeys]: () => new Promise<Response>(() => undefined),
        }),
        attack: async (stage, valid) => {
          let isAsked = false
          stage.documents.set(agentKeys, () => {
            isAsked = true
            return new Promise<Response>(() => undefined)
          })
          return async () => {
            holdTimeouts()
            let isOver = false
            const waiting = stage.send(valid).finally(() => {
              isOver = true
            })
            while (!isAsked) await turn()
            const other = await stage.send(await craft(stage, { signatureKey: 'own key' }))
            expect([other.status, isOver]).toEqual([200, false])
            stage.handled.length = 0
            await vi.advanceTimersByTimeAsync(3000)
            vi.useRealTimers()
            return waiting
          }
        },
      },
    ],
  },
  {
    id: 'K15',
    given: 'a body that is not a document',
    cases: [
      ['HTML', '<!doctype html><title>a</title>'],
      ['an array', '[]'],
      ['null', 'null'],
      ['a number', '1'],
      ['deep nesting', '['.repeat(8000) + ']'.repeat(8000)],
      [
        'members of __proto__',
        JSON.stringify({ agent: ids.agent }).replace('{', `{"__proto__":{"jwks_uri":"${agentKeys}"},`),
      ],
      ['nothing', ''],
      ['invalid UTF-8', '"\u00ff"'],
      ['two documents', '{}{}'],
    ].flatMap(([claim, body = '']) => [
      answering(
        `metadata: ${claim}`,
        { [agentDocument]: () => new Response(Buffer.from(body, 'latin1')) },
        {
          ...notFound,
          also: (_stage, answer) => {
            expect(answer.body).toBe(unknownBody)
            expect({}).not.toHaveProperty('jwks_uri')
          },
        },
      ),
      answering(`keys: ${claim}`, { [agentKeys]: () => new Response(Buffer.from(body, 'latin1')) }),
    ]),
  },
  {
    id: 'K16',
    given: 'a JWKS with many or unknown keys',
    cases: [
      answering('500 keys', jwks([signers.agent.jwk, ...filler(499)])),
      answering('101 keys', jwks([signers.agent.jwk, ...filler(100)])),
      answering('100 keys are accepted', jwks([...filler(99), signers.agent.jwk]), accepted),
      answering(
        'an unknown kty next to a good key',
        jwks([{ kty: 'AKP', kid: 'new', pub: 'AA' }, signers.agent.jwk]),
        accepted,
      ),
      answering('entries that are not keys next to a good key', jwks([[], { kid: 1 }, signers.agent.jwk]), accepted),
      answering('the kid of an unknown kty', jwks([{ ...signers.agent.jwk, kty: 'AKP' }])),
    ],
  },
  {
    id: 'K18',
    given: 'a JWKS that publishes a private or symmetric key',
    cases: [
      answering('d', jwks([{ ...signers.agent.jwk, d: 'AAAA' }])),
      answering('oct', jwks([{ kty: 'oct', kid: signers.agent.kid, k: 'AAAA' }])),
      answering(
        'd of another key next to a good one',
        jwks([{ ...signers.attacker.jwk, d: 'AAAA' }, signers.agent.jwk]),
        accepted,
      ),
    ],
    later: 'the audit event: packages/server/test/attacks/operations-attacks.ts',
  },
  {
    id: 'K20',
    given: 'many requests with a random kid',
    cases: [
      {
        claim: 'one fetch of the JWKS per minute',
        valid: (stage) => craft(stage),
        attack: async (stage) => async () => {
          const count = stage.wire ? 50 : 1000
          await sendMany(stage, count / 2, (index) => reference({ kid: `random-${index}` }))
          stage.clock.now += 60
          return sendMany(stage, count / 2, (index) => reference({ kid: `later-${index}` }))
        },
        expected: {
          ...notFound,
          also: (stage) => {
            expect(fetchesOf(stage, agentKeys)).toBe(2)
            expect(fetchesOf(stage, agentDocument)).toBe(1)
          },
        },
      },
    ],
  },
  {
    id: 'K21',
    given: 'an agent that rotates its key',
    cases: [
      {
        claim: 'the new kid is found after one refetch',
        valid: (stage) => craft(stage),
        attack: async (stage, valid) => {
          expect((await stage.send(valid)).status).toBe(200)
          stage.clock.now += 61
          stage.documents.set(agentKeys, { keys: [signers.agentNext.jwk] })
          const message = await craft(stage, {
            ...reference({ kid: signers.agentNext.kid }),
            signer: signers.agentNext,
          })
          return () => stage.send(message)
        },
        expected: { ...accepted, also: (stage) => expect(fetchesOf(stage, agentKeys)).toBe(2) },
      },
    ],
  },
  {
    id: 'K22',
    given: 'a key that was removed from the JWKS',
    cases: [
      ...[299, 301].map(
        (seconds): Case => ({
          claim: `${seconds} s after it was fetched`,
          valid: (stage) => craft(stage),
          attack: async (stage, valid) => {
            expect((await stage.send(valid)).status).toBe(200)
            stage.clock.now += seconds
            stage.documents.set(agentKeys, { keys: [signers.agentNext.jwk] })
            const message = await craft(stage)
            return () => stage.send(message)
          },
          expected: seconds < 300 ? accepted : notFound,
        }),
      ),
      ...(['agentAtResource', 'auth'] as const).map(takenOut),
    ],
    later: 'the administrator’s action: packages/server/test/attacks/operations-attacks.ts',
  },
  {
    id: 'K23',
    given: 'a JWKS endpoint that is down',
    cases: [
      answering('cold', { [agentKeys]: text('', { status: 503 }) }),
      ...[301, 3600, 3899, 3900].map(
        (seconds): Case => ({
          claim: `warm, ${seconds} s after it was fetched`,
          valid: (stage) => craft(stage),
          attack: async (stage, valid) => {
            expect((await stage.send(valid)).status).toBe(200)
            stage.clock.now += seconds
            for (const url of [agentDocument, agentKeys]) stage.documents.set(url, text('', { status: 503 }))
            const message = await craft(stage)
            return () => stage.send(message)
          },
          expected: seconds < 3900 ? accepted : notFound,
        }),
      ),
    ],
  },
  {
    id: 'K24',
    given: '200 parallel first requests from one agent',
    races: [
      {
        claim: 'one fetch of each document',
        race: async (stage) => {
          const message = await craft(stage)
          return Promise.all(Array.from({ length: 200 }, () => stage.send(message)))
        },
        counts: { 200: 200 },
        also: ({ asked }) => expect(asked).toEqual([agentDocument, agentKeys]),
      },
    ],
  },
  {
    id: 'K25',
    given: 'garbage that names arbitrary hosts',
    cases: [
      {
        claim: 'rejected locally, nothing fetched',
        valid: (stage) => craft(stage),
        attack: async (stage, valid) => async () => {
          const uncovered = withHeader(valid, 'signature-input', (value) => value.replace('"@path" ', ''))
          let last = await stage.send(uncovered)
          for (let index = 1; index < (stage.wire ? 50 : 10_000); index++) {
            const named = (value: string) => value.replace(ids.agent, `https://host-${index}.example`)
            last = await stage.send(withHeader(uncovered, 'signature-key', named))
          }
          return last
        },
        expected: { ...refusedUnasked, signatureError: 'invalid_input', requiredInput: ['@path'] },
      },
      ...['content-type', 'content-digest'].map((name) =>
        resigned(
          `${name} not covered, at the token endpoint`,
          form(
            { request_type: 'auth' },
            { components: requiredComponents(false, true, false).filter((covered) => covered !== name) },
          ),
          { ...refusedUnasked, signatureError: 'invalid_input', requiredInput: [name] },
        ),
      ),
      namingAnyHost('one source can start 300 fetches per minute'),
      namingAnyHost('one source, at the token endpoint', form({ request_type: 'auth' })),
    ],
    races: [
      flood('one source has four concurrent fetches', () => attackerAddress, { 401: 4, 429: 96 }),
      flood('one IPv6 subscriber is one source', (index) => `2001:db8:1:2::${index}`, { 401: 4, 429: 96 }),
      flood('the addresses of one IPv6 /48 are one source', (index) => `2001:db8:1:${index}::1`, { 401: 4, 429: 96 }),
      flood('all sources together have 24 for unknown agents', (index) => `203.${index}.113.1`, { 401: 24, 429: 76 }),
      flood(
        'all sources together, at the token endpoint',
        () => attackerAddress,
        { 401: 4, 429: 96 },
        form({ request_type: 'auth' }),
      ),
      {
        ...flood('an agent of another source is admitted in the meantime', () => attackerAddress, {
          200: 1,
          401: 4,
          429: 96,
        }),
        race: async (stage) => {
          const { answers, release } = await startFlood(stage, () => attackerAddress)
          const honest = await stage.send({ ...(await craft(stage)), from: '192.0.2.1' })
          release()
          return [honest, ...(await answers)]
        },
      },
    ],
  },
  {
    id: 'K26',
    given: 'an attacker whose document points to the victim’s JWKS',
    cases: [
      tampered(
        'the victim’s signature under the attacker’s id',
        (message, { documents }) => {
          documents.set(`${ids.attacker}/.well-known/aauth-agent`, { agent: ids.attacker, jwks_uri: agentKeys })
          return withHeader(message, 'signature-key', (value) => value.replace(ids.agent, ids.attacker))
        },
        refused,
      ),
    ],
  },
  {
    id: 'K27',
    given: 'Cache-Control of the documents',
    cases: (
      [
        ['max-age=999999999', 599, 1],
        ['max-age=999999999', 600, 2],
        ['no-store', 59, 1],
        ['no-store', 60, 2],
        ['max-age=0', 59, 1],
        ['max-age=0', 60, 2],
      ] as const
    ).map(
      ([header, seconds, fetches]): Case => ({
        claim: `${header}: ${fetches} after ${seconds} s`,
        valid: (stage) => craft(stage),
        attack: async (stage, valid) => {
          const headers = { 'cache-control': header }
          stage.documents.set(agentDocument, () => Response.json(agentMetadata, { headers }))
          stage.documents.set(agentKeys, () => Response.json({ keys: [signers.agent.jwk] }, { headers }))
          expect((await stage.send(valid)).status).toBe(200)
          stage.clock.now += seconds
          const message = await craft(stage)
          return () => stage.send(message)
        },
        expected: { ...accepted, also: (stage) => expect(fetchesOf(stage, agentKeys)).toBe(fetches) },
      }),
    ),
  },
  {
    id: 'K28',
    given: 'our own identifier as id or iss',
    cases: [
      resigned(
        'id of the resource, at the resource',
        {
          signatureKey: { ...agentReference, id: ids.resource, kid: signers.resource.kid, wellKnown: 'aauth-resource' },
          signer: signers.resource,
        },
        { ...accepted, unasked: 'any' },
      ),
      resigned(
        'id of the resource with a kid it does not publish',
        { signatureKey: { ...agentReference, id: ids.resource, wellKnown: 'aauth-resource' } },
        notFoundUnasked,
      ),
      ...forged(
        'iss of the resource',
        claiming(() => ({ iss: ids.resource })),
        'local',
        { slots: ['auth'] },
      ),
      resigned(
        'id of the auth server, at its token endpoint',
        form({ request_type: 'auth' }, { signatureKey: { ...agentReference, id: ids.authServer } }),
        notFoundUnasked,
      ),
      ...forged(
        'iss of the auth server',
        claiming(() => ({ iss: ids.authServer })),
        'unknownKey',
        { slots: ['agentAtTokenEndpoint', 'resource'], needsRequest: true },
      ).map((single) => ({ ...single, expected: { ...single.expected, unasked: ids.authServer } })),
    ],
  },
  {
    id: 'K29',
    given: 'an origin with untrusted TLS',
    cases: [
      {
        claim: 'no TLS at all on the public address',
        ...guarded,
        valid: (stage) => craft(stage),
        attack: async (stage, valid) => {
          const server = await startServer((_request, response) => answerJson(response, agentMetadata))
          simulatePublicNetwork({ 'agent.example': [['8.8.8.8']] }, server.port)
          return async () => {
            const answer = await stage.send(valid)
            expect(server.connections()).toBe(1)
            expect(server.asked).toEqual([])
            return answer
          }
        },
        expected: notFound,
      },
    ],
    later:
      'expired, self-signed and for another host: test/discovery/guarded-fetch.test.ts, with the control that a valid certificate is accepted',
  },
  {
    id: 'K30',
    given: 'scheme=x509',
    ...(has('openssl') ? { cases: x509Cases() } : { later: 'needs openssl' }),
  },
  {
    id: 'K31',
    given: 'a logo_uri with a script in it, or of excessive size',
    later: 'run at the auth server, over HTTP: packages/server/test/logos/logos.test.ts',
  },
]

function x509Cases(): Case[] {
  return [
    certificate('a certificate under a configured root is accepted', leaf, accepted),
    {
      ...certificate('no roots configured', leaf, notFoundUnasked),
      options: { now: certified },
    },
    certificate('another root', leaf, notFound, underRoots([otherRoot.pem])),
    certificate('expired', issueLeaf({ days: 1 }), notFound, {
      ...underRoots([root.pem]),
      now: certified + 2 * 86_400,
    }),
    certificate('no name', issueLeaf({ extensions: ['keyUsage=critical,digitalSignature'] })),
    certificate(
      'two names',
      issueLeaf({
        extensions: ['subjectAltName=DNS:agent.example,DNS:other.example', 'keyUsage=critical,digitalSignature'],
      }),
    ),
    certificate(
      'a name with a wildcard',
      issueLeaf({ extensions: ['subjectAltName=DNS:*.example', 'keyUsage=critical,digitalSignature'] }),
    ),
    certificate(
      'a key usage without digitalSignature',
      issueLeaf({ extensions: ['subjectAltName=DNS:agent.example', 'keyUsage=critical,keyEncipherment'] }),
    ),
    {
      ...certificate('another x5t', leaf),
      attack: async (stage) => {
        const message = await certifiedMessage(stage, leaf, otherRoot.thumbprint)
        return () => stage.send(message)
      },
    },
    {
      ...certificate('an x5u at a private address', leaf, notFoundUnasked),
      attack: async (stage) => {
        const message = await certifiedMessage(stage, leaf)
        const signer = await signerOf(leaf)
        const x5u = 'https://10.0.0.1/chain.pem'
        const moved = await craft(stage, { signer, signatureKey: { scheme: 'x509', x5u, x5t: leaf.thumbprint } })
        expect(headerOf(moved, 'signature-key')).not.toBe(headerOf(message, 'signature-key'))
        return () => stage.send(moved)
      },
    },
  ]
}
