import { expect } from 'vitest'
import { agentDocuments } from '../origins.js'
import type { Case, Outcome, Row } from './attack.js'
import { notPoints } from './covered-parts-rows.js'
import {
  accepted,
  badKey,
  craft,
  headerChanged,
  passes,
  refusedUnasked,
  resigned,
  surrounded,
  unknownKey,
} from './crafted-cases.js'
import { agentReference, ids, signers } from './parties.js'
import { agentDocument, agentKeys, agentMetadata, type Stage, type StageOptions } from './stage.js'

const notFoundUnasked: Outcome = { ...unknownKey, unasked: 'any' }
const pathId = 'https://host.example/~agent'
const paths: StageOptions = { allowPath: true }

/** The base case with changed documents of the agent. */
function publishing(claim: string, documents: Readonly<Record<string, object>>, expected: Outcome): Case {
  return surrounded(claim, (stage) => publish(stage, documents), expected)
}

function publish(stage: Stage, documents: Readonly<Record<string, object>>): void {
  for (const [url, document] of Object.entries(documents)) stage.documents.set(url, document)
}

/** Rejected, with a message that says how to fix it. */
const ambiguousKid: Outcome = {
  ...badKey,
  also: (_stage, { body }) => expect(body).toContain('give each key its own kid'),
}

const keys = (...published: object[]) => ({ [agentKeys]: { keys: published } })
const { agent, attacker } = signers
// A static server sends any media type, or none, for a document without an extension.
const untyped = (document: object, type: string | undefined) =>
  new Response(Buffer.from(JSON.stringify(document)), type === undefined ? {} : { headers: { 'content-type': type } })
const inBytes = (text: string) => () => new Response(Buffer.from(text, 'latin1'))

/** Cases about where keys are fetched from. */
export const keyLookupRows: readonly Row[] = [
  {
    id: 'K+ keys',
    given: 'a JWKS whose key is not for signature verification (RFC 7517 §4)',
    cases: [
      publishing('use=enc', keys({ ...agent.jwk, use: 'enc' }), unknownKey),
      publishing('use=SIG', keys({ ...agent.jwk, use: 'SIG' }), unknownKey),
      publishing('use=sig', keys({ ...agent.jwk, use: 'sig' }), accepted),
      publishing('key_ops without verify', keys({ ...agent.jwk, key_ops: ['encrypt'] }), unknownKey),
      publishing('key_ops that is not a list', keys({ ...agent.jwk, key_ops: 'verify' }), unknownKey),
      publishing('key_ops with verify', keys({ ...agent.jwk, key_ops: ['verify'] }), accepted),
      publishing('alg of another type', keys({ ...agent.jwk, alg: 'RS256' }), unknownKey),
      publishing(
        'two keys with one kid, ours second',
        keys({ ...attacker.jwk, kid: agent.kid }, agent.jwk),
        ambiguousKid,
      ),
      publishing(
        'two keys with one kid, ours first',
        keys(agent.jwk, { ...attacker.jwk, kid: agent.kid }),
        ambiguousKid,
      ),
      publishing('the same key twice', keys(agent.jwk, agent.jwk), ambiguousKid),
      publishing('three keys with one kid', keys(agent.jwk, agent.jwk, agent.jwk), ambiguousKid),
      publishing(
        'two keys with one kid, the first private: the second is not used instead',
        keys({ ...agent.jwk, d: 'AAAA' }, agent.jwk),
        ambiguousKid,
      ),
      publishing(
        'two keys with one kid, the second of an unknown type',
        keys(agent.jwk, { kty: 'AKP', kid: agent.kid, pub: 'AA' }),
        ambiguousKid,
      ),
      publishing(
        'two other keys with one kid next to ours',
        keys(...[1, 2].map(() => ({ ...attacker.jwk, kid: 'other' })), agent.jwk),
        accepted,
      ),
      publishing('a kid that differs in case', keys({ ...agent.jwk, kid: agent.kid.toUpperCase() }), unknownKey),
      publishing('a kid that is a number', keys({ ...agent.jwk, kid: 1 }), unknownKey),
      publishing('no kid', keys({ ...agent.jwk, kid: undefined }), unknownKey),
      publishing('x as an array', keys({ ...agent.jwk, x: [agent.jwk.x] }), unknownKey),
      publishing('x with padding', keys({ ...agent.jwk, x: `${agent.jwk.x}=` }), unknownKey),
      publishing('x that is not a point', keys({ ...agent.jwk, x: notPoints[0] }), unknownKey),
      publishing('keys as an object', { [agentKeys]: { keys: { 0: agent.jwk, length: 1 } } }, unknownKey),
      publishing('a JWK instead of a JWKS', { [agentKeys]: agent.jwk }, unknownKey),
      ...['__proto__', 'constructor', 'toString', '0', 'length'].map((kid) =>
        resigned(`kid ${kid}`, { signatureKey: { ...agentReference, kid } }, unknownKey),
      ),
      resigned('a kid of 8,000 characters', { signatureKey: { ...agentReference, kid: 'k'.repeat(8000) } }, unknownKey),
    ],
  },
  {
    id: 'K+ documents',
    given: 'a document that is almost right (CIMD, RFC 8259)',
    cases: [
      publishing(
        'a redirect to itself',
        { [agentDocument]: () => Response.redirect(agentDocument, 302) },
        {
          ...unknownKey,
          also: ({ asked }) => expect(asked).toEqual([agentDocument]),
        },
      ),
      publishing(
        'a byte-order mark',
        { [agentDocument]: inBytes(`\u00ef\u00bb\u00bf${JSON.stringify(agentMetadata)}`) },
        unknownKey,
      ),
      publishing(
        'UTF-16',
        { [agentDocument]: () => new Response(Buffer.from(JSON.stringify(agentMetadata), 'utf16le')) },
        unknownKey,
      ),
      publishing('comments', { [agentDocument]: inBytes(`/* */${JSON.stringify(agentMetadata)}`) }, unknownKey),
      publishing(
        'duplicate agent, the last different',
        { [agentDocument]: inBytes(JSON.stringify(agentMetadata).replace(/\}$/, `,"agent":"${ids.attacker}"}`)) },
        unknownKey,
      ),
      publishing('agent as a list', { [agentDocument]: { ...agentMetadata, agent: [ids.agent] } }, unknownKey),
      publishing('jwks_uri as a list', { [agentDocument]: { ...agentMetadata, jwks_uri: [agentKeys] } }, unknownKey),
      publishing(
        'keys among the members instead of jwks_uri',
        { [agentDocument]: { agent: ids.agent, jwks: { keys: [agent.jwk] } } },
        unknownKey,
      ),
      publishing(
        'jwks_uri with a fragment',
        { [agentDocument]: { ...agentMetadata, jwks_uri: `${agentKeys}#a` } },
        unknownKey,
      ),
      publishing(
        'jwks_uri with userinfo',
        { [agentDocument]: { ...agentMetadata, jwks_uri: agentKeys.replace('://', '://a:b@') } },
        unknownKey,
      ),
      publishing(
        'jwks_uri with a line feed',
        { [agentDocument]: { ...agentMetadata, jwks_uri: `${agentKeys}\n` } },
        unknownKey,
      ),
      publishing(
        'jwks_uri with dot segments',
        { [agentDocument]: { ...agentMetadata, jwks_uri: `${ids.agent}/a/../jwks.json` } },
        unknownKey,
      ),
      publishing(
        'jwks_uri on another host is fetched from there',
        {
          [agentDocument]: { ...agentMetadata, jwks_uri: 'https://keys.example/agent' },
          'https://keys.example/agent': { keys: [agent.jwk] },
        },
        {
          ...accepted,
          also: ({ asked }) => expect(asked).toEqual([agentDocument, 'https://keys.example/agent']),
        },
      ),
      publishing(
        'jwks_uri on another port is fetched from there',
        {
          [agentDocument]: { ...agentMetadata, jwks_uri: `${ids.agent}:8443/jwks.json` },
          [`${ids.agent}:8443/jwks.json`]: { keys: [agent.jwk] },
        },
        accepted,
      ),
      ...[`${ids.agent}:443/jwks.json`, `${ids.agent}./jwks.json`, 'https://AGENT.example/jwks.json'].map((jwksUri) =>
        publishing(
          `jwks_uri ${jwksUri}, in another spelling`,
          { [agentDocument]: { ...agentMetadata, jwks_uri: jwksUri }, [jwksUri]: { keys: [agent.jwk] } },
          { ...unknownKey, also: ({ asked }) => expect(asked).toEqual([agentDocument]) },
        ),
      ),
      publishing(
        'Content-Encoding IDENTITY, which is correct',
        { [agentDocument]: () => Response.json(agentMetadata, { headers: { 'content-encoding': 'IDENTITY' } }) },
        accepted,
      ),
      ...['text/html', 'application/json; charset=utf-16', 'application/octet-stream', undefined].map((type) =>
        publishing(
          `JSON in UTF-8 labeled ${type ?? 'nothing'}: the bytes decide`,
          { [agentDocument]: () => untyped(agentMetadata, type) },
          accepted,
        ),
      ),
      ...[201, 203, 206, 404, 410].map((status) =>
        publishing(`status ${status}`, { [agentDocument]: () => Response.json(agentMetadata, { status }) }, unknownKey),
      ),
    ],
  },
  {
    id: 'K+ identifiers',
    given: 'an identifier that parsers interpret differently (W10)',
    cases: [
      ...[
        'https://agent.example:0',
        'https://agent.example:65536',
        'https://agent.example:',
        'https://agent',
        'https://localhost',
        'https://my_agent.example',
        'https://-agent.example',
        'https://agent-.example',
        'https://agent..example',
        'https://.agent.example',
        'https://xn--a.example',
        'https://xn--.example',
        `https://${'a'.repeat(64)}.example`,
        `https://${'a.'.repeat(130)}example`,
        `https://agent.example/${'a'.repeat(600)}`,
        'https://agent.example/a%2f..',
        'https://agent.example/..',
        'https://agent.example/%0d%0aX-A:%20b',
        'https:agent.example',
        'https:///agent.example',
        'https://agent.1',
        'https://agent.0x1',
        'wss://agent.example',
        'agent.example',
        '//agent.example',
        ' https://agent.example',
        'https://agent.example ',
      ].map((id) => resigned(id.slice(0, 60), { signatureKey: { ...agentReference, id } }, notFoundUnasked)),
      headerChanged(
        'a line break in the id',
        'signature-key',
        (value) => value.replace('.example', '.example\r\nx-a: b'),
        refusedUnasked,
        { on: 'verifier' },
      ),
      headerChanged(
        'an IPv6 literal with a zone',
        'signature-key',
        (value) => value.replace('agent.example', '[fe80::1%eth0]'),
        notFoundUnasked,
      ),
      {
        claim: 'the space between id and kid in a different place than in an earlier lookup',
        valid: async (stage) => {
          publish(stage, keys({ ...agent.jwk, kid: 'a b' }))
          return craft(stage, { signatureKey: { ...agentReference, kid: 'a b' } })
        },
        attack: async (stage, valid) => {
          for (let times = 0; times < 2; times++) expect((await stage.send(valid)).status).toBe(200)
          const id = `${ids.agent} a`
          const message = await craft(stage, { signatureKey: { ...agentReference, id, kid: 'b' } })
          return () => stage.send(message)
        },
        expected: notFoundUnasked,
      },
      passes(
        'a path, if configured, is a separate identity',
        (stage) => {
          publish(stage, agentDocuments(pathId, [agent.jwk]))
          return { signatureKey: { ...agentReference, id: pathId } }
        },
        { options: paths, also: (_stage, { body }) => expect(JSON.parse(body)).toMatchObject({ agent: pathId }) },
      ),
      resigned(
        'a document under a path that names the host',
        (stage) => {
          publish(stage, agentDocuments(pathId, [agent.jwk]))
          publish(stage, { [`${pathId}/.well-known/aauth-agent`]: { ...agentMetadata, agent: 'https://host.example' } })
          return { signatureKey: { ...agentReference, id: pathId } }
        },
        unknownKey,
        { options: paths },
      ),
    ],
  },
]
