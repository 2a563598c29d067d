import { requiredComponents, withHeader } from '../httpsig/crafted-message.js'
import type { Message, Row } from './attack.js'
import {
  accepted,
  badInput,
  headerChanged,
  headerOf,
  lacks,
  type Parts,
  passes,
  refused,
  refusedUnasked,
  resigned,
  tampered,
} from './crafted-cases.js'
import { signers } from './parties.js'

const names = ['signature', 'signature-input', 'signature-key'] as const
const get = requiredComponents(false, false, false)
const without = (...names: string[]) => get.filter((name) => !names.includes(name))
const post: Parts = { method: 'POST', body: '{"action":"update"}' }

const relabelled = (value: string) => value.replace('sig1=', 'sig=')
const doubled = (value: string) => `${value}, ${value.replace('sig1=', 'sig2=')}`

/** The message with some or all of its three headers removed. */
function stripped(message: Message, taken: readonly string[] = names): Message {
  return { ...message, headers: message.headers.filter(([name]) => !taken.includes(name)) }
}

/** The header a second time, on its own line and in a different case. */
function onTwoLines(message: Message, name: string): Message {
  const line = [name.toUpperCase(), headerOf(message, name)] as const
  return { ...message, headers: [...message.headers, line] }
}

/** The part of group S about the three headers, the time window and the covered components. */
export const signatureRows: readonly Row[] = [
  {
    id: 'S01',
    given: 'a request without any of the three headers, at each level',
    cases: [
      tampered('if a signature is required', (message) => stripped(message), {
        ...refusedUnasked,
        agentAuth: /^httpsig$/,
      }),
      tampered(
        'if an identity is required',
        (message) => stripped(message),
        { ...refusedUnasked, agentAuth: /^httpsig; identity=\?1$/ },
        { base: { target: '/identity' } },
      ),
      tampered('if an authorization is required', (message) => ({ ...stripped(message), target: '/read' }), {
        ...refusedUnasked,
        agentAuth: /^httpsig; identity=\?1$/,
      }),
    ],
  },
  {
    id: 'S02',
    given: 'one of the three headers missing',
    cases: names.map((name) => headerChanged(name, name, () => undefined, refusedUnasked)),
  },
  {
    id: 'S03',
    given: 'another label in one or two of the three headers',
    cases: [...names.map((name) => [name]), ...names.map((name) => names.filter((other) => other !== name))].map(
      (changed) =>
        tampered(
          changed.join(' and '),
          (message) => changed.reduce((so, name) => withHeader(so, name, relabelled), message),
          refusedUnasked,
        ),
    ),
  },
  {
    id: 'S04',
    given: 'a Signature-Key with two members',
    cases: [
      headerChanged('the second valid', 'signature-key', doubled, refusedUnasked),
      headerChanged(
        'the first with another label',
        'signature-key',
        (value) => `a=(scheme=jwt jwt="a.b.c"), ${value}`,
        refusedUnasked,
      ),
      headerChanged('the same member twice', 'signature-key', (value) => `${value}, ${value}`, refusedUnasked),
    ],
  },
  {
    id: 'S05',
    given: 'a second label in Signature-Input or Signature',
    cases: [
      headerChanged('in Signature-Input', 'signature-input', doubled, refusedUnasked),
      headerChanged('in Signature', 'signature', doubled, refusedUnasked),
      headerChanged('in Signature, invalid', 'signature', (value) => `${value}, sig2=:AAAA:`, refusedUnasked),
      tampered(
        'in both, valid',
        (message) => withHeader(withHeader(message, 'signature-input', doubled), 'signature', doubled),
        refusedUnasked,
      ),
    ],
  },
  {
    id: 'S07',
    parsed: true,
    given: 'a signature header on two lines',
    cases: [
      ...names.map((name) => tampered(`${name}, in different case`, (sent) => onTwoLines(sent, name), refusedUnasked)),
      ...names.map((name) =>
        headerChanged(`${name}, as Node joins them`, name, (value) => `${value}, ${value}`, refusedUnasked),
      ),
    ],
  },
  {
    id: 'S08',
    parsed: true,
    given: 'names in mixed case, spaces around the values',
    cases: [
      tampered(
        'the three headers and Host',
        (message) => ({
          ...message,
          headers: message.headers.map(([name, value]): [string, string] => [
            name.replace(/[a-z]/g, (letter, at: number) => (at % 2 === 0 ? letter.toUpperCase() : letter)),
            `  ${value} \t `,
          ]),
        }),
        accepted,
      ),
    ],
  },
  {
    id: 'S09',
    given: 'a missing created',
    cases: [
      resigned('before signing', { rewriteBase: withoutCreated }, refusedUnasked, {
        afterwards: (message) => withHeader(message, 'signature-input', withoutCreated),
      }),
      headerChanged('in transit', 'signature-input', withoutCreated, refusedUnasked),
    ],
  },
  {
    id: 'S10',
    given: 'created at the edges of the window',
    cases: [
      ...[-61, 61, -3600, 86_400].map((offset) =>
        resigned(`${offset} s from now`, ({ clock }) => ({ created: clock.now + offset }), refusedUnasked),
      ),
      ...[-59, 59].map((offset) => passes(`${offset} s from now`, ({ clock }) => ({ created: clock.now + offset }))),
    ],
  },
  {
    id: 'S11',
    given: 'a created that is not a whole number of seconds, or is a duplicate',
    cases: [
      ['a string', (seconds: string) => `"${seconds}"`],
      ['a decimal', (seconds: string) => `${seconds}.0`],
      ['negative', (seconds: string) => `-${seconds}`],
      ['beyond 2^53', () => '9007199254740993'],
      ['a token', (seconds: string) => `t${seconds}`],
      ['a date', (seconds: string) => `@${seconds}`],
      ['with a leading zero', (seconds: string) => `0${seconds}`],
      ['with a sign', (seconds: string) => `+${seconds}`],
      ['duplicate, both valid', (seconds: string) => `${seconds};created=${seconds}`],
      ['duplicate, the first outside the window', (seconds: string) => `1;created=${seconds}`],
      ['duplicate, the last outside the window', (seconds: string) => `${seconds};created=1`],
    ].map(([claim, value]) =>
      headerChanged(
        String(claim),
        'signature-input',
        (text) => text.replace(/(?<=created=)\d+/, value as (seconds: string) => string),
        refusedUnasked,
      ),
    ),
  },
  {
    id: 'S12',
    given: 'the parameters changed after signing',
    cases: [
      headerChanged(
        'created, inside the window',
        'signature-input',
        (text) => text.replace(/(?<=created=)\d+/, (seconds) => String(Number(seconds) + 1)),
        refused,
      ),
      headerChanged('a tag added', 'signature-input', (text) => `${text};tag="a"`, refused),
      headerChanged('expires removed', 'signature-input', (text) => text.replace(/;expires=\d+/, ''), refused, {
        base: ({ clock }) => ({ parameters: `;expires=${clock.now + 30}` }),
      }),
    ],
  },
  {
    id: 'S14',
    given: 'one of the four required components is not covered',
    cases: get.map((name) => resigned(name, { components: without(name) }, lacks(name))),
  },
  {
    id: 'S15',
    given: 'a query that is not covered',
    cases: [
      resigned('not covered when signed', { target: '/data?a=1', components: get }, lacks('@query'), {
        base: { target: '/data?a=1' },
      }),
    ],
  },
  {
    id: 'S16',
    given: 'a query appended in transit',
    cases: [
      tampered('?admin=true', (sent) => ({ ...sent, target: `${sent.target}?admin=true` }), lacks('@query')),
      tampered('?', (sent) => ({ ...sent, target: `${sent.target}?` }), lacks('@query')),
      tampered('to a query', (sent) => ({ ...sent, target: `${sent.target}&admin=true` }), refused, {
        base: { target: '/data?a=1' },
      }),
    ],
  },
  {
    id: 'S17',
    given: '@query covered without a query',
    cases: [
      resigned('when signed', { components: [...get, '@query'] }, badInput),
      tampered('the query removed', (sent) => ({ ...sent, target: '/data' }), badInput, {
        base: { target: '/data?a=1' },
      }),
    ],
  },
  {
    id: 'S18',
    given: 'the target /a?',
    cases: [
      resigned('signed without @query', { target: '/a?', components: get }, lacks('@query')),
      passes('signed with @query', { target: '/a?' }),
      tampered('signed with @query, the ? removed', (sent) => ({ ...sent, target: '/a' }), badInput, {
        base: { target: '/a?' },
      }),
    ],
  },
  {
    id: 'S19',
    given: 'a body with one of its components not covered',
    cases: ['content-digest', 'content-type'].map((name) =>
      resigned(
        name,
        { ...post, components: requiredComponents(false, true, false).filter((covered) => covered !== name) },
        lacks(name),
        { base: post },
      ),
    ),
  },
  {
    id: 'S20',
    given: 'body components covered without a body',
    cases: ['content-digest', 'content-type'].map((name) =>
      resigned(name, { method: 'POST', fields: { [name]: 'sha-256=:AAAA:' }, components: [...get, name] }, badInput, {
        base: { method: 'POST' },
      }),
    ),
  },
  {
    id: 'S32',
    given: 'a server that accepts ed25519 only',
    cases: [
      resigned(
        'a valid ecdsa key in the header',
        { signer: signers.ecdsa, signatureKey: 'own key' },
        {
          ...refused,
          signatureError: 'unsupported_algorithm',
          supported: ['ed25519'],
          agentAuth: /^httpsig; algs=\("ed25519"\)$/,
        },
        { options: { algorithms: ['ed25519'] } },
      ),
      resigned(
        'a valid ecdsa key that the agent publishes',
        ({ documents }) => {
          documents.set('https://agent.example/jwks.json', { keys: [signers.ecdsa.jwk] })
          return {
            signer: signers.ecdsa,
            signatureKey: {
              scheme: 'jwks',
              id: 'https://agent.example',
              kid: signers.ecdsa.kid,
              wellKnown: 'aauth-agent',
            },
          }
        },
        {
          ...refused,
          signatureError: 'unsupported_algorithm',
          supported: ['ed25519'],
          agentAuth: /^httpsig; algs=\("ed25519"\)$/,
        },
        { options: { algorithms: ['ed25519'] } },
      ),
    ],
  },
]

function withoutCreated(text: string): string {
  return text.replace(/;created=\d+/, '')
}
