import { createAuthServer, fixedKeys } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect } from 'vitest'
import { startTcpServer } from '../discovery/loopback-server.js'
import { simulatePublicNetwork } from '../discovery/public-network.js'
import { agentDocuments, issuerDocuments } from '../origins.js'
import type { Case, Row } from './attack.js'
import { craft, form, headerChanged, passes, refusedUnasked, resigned } from './crafted-cases.js'
import { answering, guarded, notFound, notFoundUnasked, reference, unknownBody } from './key-cases.js'
import { ids, signers } from './parties.js'
import { agentDocument, agentKeys, agentMetadata } from './stage.js'
import { claiming, forged } from './token-slots.js'

const identifiers: readonly (readonly [string, string])[] = [
  ['a trailing slash', 'https://agent.example/'],
  ['an uppercase host', 'https://Agent.example'],
  ['an uppercase scheme', 'HTTPS://agent.example'],
  [':443', 'https://agent.example:443'],
  ['a port with a leading zero', 'https://agent.example:08443'],
  ['user-info', 'https://user@agent.example'],
  ['an empty user', 'https://@agent.example'],
  ['?', 'https://agent.example?'],
  ['a query', 'https://agent.example?x'],
  ['#', 'https://agent.example#'],
  ['a fragment', 'https://agent.example#x'],
  ['a host with a trailing dot', 'https://agent.example.'],
  ['a dot segment', 'https://agent.example/.'],
  ['an encoded dot segment', 'https://agent.example/%2e%2e'],
  ['two slashes', 'https://agent.example//a'],
  ['a path that is not configured', 'https://agent.example/~agent'],
  ['http', 'http://agent.example'],
]

/** Values that the header itself cannot carry, so they are rejected before the identifier is checked. */
const uncarried: readonly (readonly [string, string])[] = [
  ['a backslash', 'https://agent.example\\'],
  ['a tab', 'https://agent\t.example'],
  ['a soft hyphen', 'https://ag\u00adent.example'],
  ['a Latin-1 letter', 'https://\u00e0gent.example'],
]

/** `\u0430` is the Cyrillic a. */
const confusable = new URL('https://\u0430gent.example').origin

const literals = [
  '127.0.0.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '127.1',
  '0',
  '169.254.169.254',
  '10.0.0.1',
  '8.8.8.8',
  '[::1]',
  '[::ffff:127.0.0.1]',
  '[2001:4860:4860::8888]',
]

const moved = (status: number, location: string) => () => new Response(null, { status, headers: { location } })
const resolving: readonly string[] = [
  '127.0.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.1',
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '::1',
  '::',
  'fc00::1',
  'fe80::1',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  '2002:7f00:1::1',
]

/** A request whose agent is at a name that resolves to the addresses; a canary listens at them. */
function resolvingTo(claim: string, answers: readonly (readonly string[])[], connected: readonly string[] = []): Case {
  return {
    claim,
    ...guarded,
    valid: (stage) => craft(stage),
    attack: async (stage, valid) => {
      const canary = await startTcpServer((socket) => socket.end())
      const network = simulatePublicNetwork({ 'agent.example': answers }, canary.port)
      return async () => {
        const answer = await stage.send(valid)
        expect(network.connected).toEqual(connected)
        expect(canary.connections()).toBe(connected.length)
        return answer
      }
    },
    expected: notFound,
  }
}

/** The part of group K about where a key is fetched from. */
export const keyReferenceRows: readonly Row[] = [
  {
    id: 'K01',
    given: 'a scheme=jwks reference that fits neither mode',
    cases: [
      headerChanged(
        'jwks and id both',
        'signature-key',
        (value) => value.replace(' id', ` jwks="${agentKeys}" id`),
        refusedUnasked,
      ),
      headerChanged(
        'neither',
        'signature-key',
        (value) => value.replace(/ (?:id|well-known)="[^"]*"/g, ''),
        refusedUnasked,
      ),
      headerChanged(
        'jwks with well-known',
        'signature-key',
        (value) => value.replace(/ id="[^"]*"/, ` jwks="${agentKeys}"`),
        refusedUnasked,
      ),
      headerChanged('no kid', 'signature-key', (value) => value.replace(/ kid="[^"]*"/, ''), refusedUnasked),
      passes('jwks alone is mode 1', { signatureKey: { scheme: 'jwks', jwksUri: agentKeys, kid: signers.agent.kid } }),
    ],
  },
  {
    id: 'K02',
    given: 'mode 1',
    cases: [
      resigned(
        'at the token endpoint',
        form(
          { request_type: 'auth' },
          { signatureKey: { scheme: 'jwks', jwksUri: agentKeys, kid: signers.agent.kid } },
        ),
        { status: 401, error: 'invalid_request', agentAuth: /^httpsig; identity=\?1$/ },
      ),
      resigned(
        'if a resource requires an identity',
        { target: '/identity', signatureKey: { scheme: 'jwks', jwksUri: agentKeys, kid: signers.agent.kid } },
        { status: 401, error: 'invalid_request', agentAuth: /^httpsig; identity=\?1$/ },
        { base: { target: '/identity' } },
      ),
    ],
  },
  {
    id: 'K03',
    given: 'http outside development',
    cases: [
      resigned('id', reference({ id: 'http://agent.example' }), notFoundUnasked),
      resigned('id on loopback', reference({ id: 'http://127.0.0.1:8001' }), notFoundUnasked),
      resigned('id on localhost', reference({ id: 'http://localhost:8001' }), notFoundUnasked),
      resigned(
        'jwks',
        { signatureKey: { scheme: 'jwks', jwksUri: 'http://agent.example/jwks.json', kid: signers.agent.kid } },
        notFoundUnasked,
      ),
      ...forged(
        'iss',
        claiming(() => ({ iss: 'http://issuer.example' })),
        'local',
      ),
      ...forged(
        'iss on loopback',
        claiming(() => ({ iss: 'http://127.0.0.1:8001' })),
        'local',
      ),
    ],
    checks: ['https://auth.example', 'http://auth.example:8003', 'http://10.0.0.1:8003'].map((issuer) => ({
      claim: `an auth server in development mode does not start as ${issuer}`,
      check: () => {
        const keys = fixedKeys({ signer: signers.authServer, secret: new Uint8Array(32) })
        const start = (allowInsecureLoopback: boolean, as = issuer) =>
          createAuthServer({
            issuer: as,
            keys,
            storage: sqliteStorage(':memory:', { sweepInterval: 0 }),
            allowInsecureLoopback,
          })
        expect(() => start(true)).toThrow(TypeError)
        expect(start(true, 'http://127.0.0.1:8003').issuer).toBe('http://127.0.0.1:8003')
      },
    })),
  },
  {
    id: 'K04',
    given: 'an identifier that is not in canonical form',
    cases: [
      ...identifiers.map(([claim, id]) => resigned(`id with ${claim}`, reference({ id }), notFoundUnasked)),
      ...uncarried.map(([claim, id]) =>
        headerChanged(`id with ${claim}`, 'signature-key', (value) => value.replace(ids.agent, id), refusedUnasked),
      ),
      headerChanged(
        'id with full-width digits, as their UTF-8 bytes',
        'signature-key',
        (value) => value.replace('agent.example', Buffer.from('１.example').toString('latin1')),
        refusedUnasked,
      ),
      ...identifiers.flatMap(([claim, iss]) =>
        forged(
          `iss with ${claim}`,
          claiming(() => ({ iss })),
          'local',
        ),
      ),
      ...[
        'https://agent\t.example',
        'https://ag\u00adent.example',
        'https://１.example',
        'https://bücher.example',
        'https://agent.example\\',
      ].flatMap((iss) =>
        forged(
          `iss ${JSON.stringify(iss)}`,
          claiming(() => ({ iss })),
          'local',
        ),
      ),
      ...identifiers.flatMap(([claim, agent]) =>
        forged(
          `agent with ${claim}`,
          claiming(() => ({ agent })),
          'local',
          { slots: ['resource', 'auth'] },
        ),
      ),
    ],
  },
  {
    id: 'K05',
    given: 'a confusable host as A-label',
    cases: [
      passes(
        'is a separate agent, under its A-label',
        ({ documents }) => {
          for (const [url, document] of Object.entries(agentDocuments(confusable, [signers.attacker.jwk]))) {
            documents.set(url, document)
          }
          return { ...reference({ id: confusable, kid: signers.attacker.kid }), signer: signers.attacker }
        },
        { also: (_stage, { body }) => expect(JSON.parse(body)).toMatchObject({ agent: confusable }) },
      ),
      headerChanged(
        'as UTF-8',
        'signature-key',
        (value) => value.replace('agent.example', Buffer.from('\u0430gent.example').toString('latin1')),
        refusedUnasked,
      ),
    ],
    later: 'the caution on the consent page: packages/server/test/look-alike.test.ts',
  },
  {
    id: 'K06',
    given: 'a document that names another party',
    cases: [
      answering('agent of another host', { [agentDocument]: { ...agentMetadata, agent: ids.attacker } }),
      answering('agent with a slash', { [agentDocument]: { ...agentMetadata, agent: `${ids.agent}/` } }),
      answering('agent in uppercase', { [agentDocument]: { ...agentMetadata, agent: 'https://AGENT.example' } }),
      answering('no agent', { [agentDocument]: { jwks_uri: agentKeys } }),
      answering('issuer instead of agent', { [agentDocument]: { issuer: ids.agent, jwks_uri: agentKeys } }),
      ...forged(
        'issuer of another host',
        (_parts, { documents }) => {
          const url = `${ids.authServer}/.well-known/aauth-issuer`
          documents.set(url, { ...issuerDocuments(ids.authServer, [])[url], issuer: ids.attacker })
          return {}
        },
        'unknownKey',
        { slots: ['auth'], needsRequest: true },
      ),
      ...forged(
        'resource of another host',
        (_parts, { documents }) => {
          documents.set(`${ids.resource}/.well-known/aauth-resource`, {
            resource: ids.attacker,
            jwks_uri: `${ids.resource}/jwks.json`,
          })
          return {}
        },
        'unknownKey',
        { slots: ['resource'], needsRequest: true },
      ),
    ],
  },
  {
    id: 'K07',
    given: 'a well-known that is not on the list',
    cases: [
      ...[
        '../x',
        'a/b',
        '%2e%2e/x',
        'x?y',
        'openid-configuration',
        'aauth-issuer',
        'AAUTH-AGENT',
        'aauth-agent/',
        'constructor',
      ].map((wellKnown) => resigned(wellKnown, reference({ wellKnown }), notFoundUnasked)),
      headerChanged('empty', 'signature-key', (value) => value.replace('aauth-agent', ''), refusedUnasked),
    ],
  },
  {
    id: 'K08',
    given: 'a host that resolves to an address that is not public',
    cases: [
      ...resolving.map((address) => resolvingTo(address, [[address]])),
      resolvingTo('a public and a private address', [['8.8.8.8', '10.0.0.1']]),
      resolvingTo('a name that does not resolve: the same body', []),
    ],
  },
  {
    id: 'K09',
    given: 'an address instead of a name',
    cases: literals.flatMap((host) => [
      ...(/[[\]]/.test(host) ? [] : [resigned(`id ${host}`, reference({ id: `https://${host}` }), notFoundUnasked)]),
      ...(/[[\]]/.test(host)
        ? [
            headerChanged(
              `id ${host}`,
              'signature-key',
              (value) => value.replace('agent.example', host),
              notFoundUnasked,
            ),
          ]
        : []),
      answering(
        `jwks_uri ${host}`,
        { [agentDocument]: { ...agentMetadata, jwks_uri: `https://${host}/jwks.json` } },
        { ...notFound, also: ({ asked }) => expect(asked).toEqual([agentDocument]) },
      ),
    ]),
  },
  {
    id: 'K10',
    given: 'a name that resolves first to a public address and then to a private one',
    cases: [
      resolvingTo(
        'one resolution, and the connection goes to the address that was checked',
        [['8.8.8.8'], ['127.0.0.1']],
        ['8.8.8.8'],
      ),
    ],
  },
  {
    id: 'K11',
    given: 'documents that redirect',
    cases: [301, 302, 303, 307, 308].flatMap((status) => [
      answering(`${status} of the metadata to a private address`, {
        [agentDocument]: moved(status, 'https://10.0.0.1/'),
      }),
      answering(`${status} of the metadata to another host`, {
        [agentDocument]: moved(status, `${ids.attacker}/.well-known/aauth-agent`),
      }),
      answering(
        `${status} of the keys to the same host`,
        {
          [agentKeys]: moved(status, `${ids.agent}/keys`),
          [`${ids.agent}/keys`]: { keys: [signers.agent.jwk] },
        },
        {
          ...notFound,
          also: ({ asked }, { body }) => {
            expect(body).toBe(unknownBody)
            expect(asked).toEqual([agentDocument, agentKeys])
          },
        },
      ),
    ]),
  },
  {
    id: 'K12',
    given: 'a URL in a document that is not fetched',
    cases: [
      'file:///etc/passwd',
      'data:application/json,{}',
      'ftp://agent.example/a',
      'gopher://agent.example/a',
      'http://agent.example/a',
      'https://intranet/a',
      '/jwks.json',
      'https://agent.example@10.0.0.1/a',
    ].map((jwksUri) =>
      answering(
        `jwks_uri ${jwksUri}`,
        { [agentDocument]: { ...agentMetadata, jwks_uri: jwksUri } },
        { ...notFound, also: ({ asked }) => expect(asked).toEqual([agentDocument]) },
      ),
    ),
    later: 'logo_uri: packages/server/test/logos/logos.test.ts; auth_request_url and x5u are rows A15 and K30',
  },
]
