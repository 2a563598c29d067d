import { digestOf } from '../httpsig/crafted-message.js'
import type { Case, Message, Outcome, Row } from './attack.js'
import {
  accepted,
  badRequest,
  lacks,
  type PartsOf,
  refused,
  resigned,
  resourceForm,
  tampered,
} from './crafted-cases.js'
import { isNode24 } from './is-node-24.js'
import { dataFrame, type Frames, headersFrame } from './raw-http2.js'
import { assemble, slots } from './token-slots.js'

const post: PartsOf = { method: 'POST' }
const withBody: PartsOf = { method: 'POST', body: '{"to":"alice"}' }
const added = '{"to":"mallory"}'
const uncovered = lacks('content-type', 'content-digest')
/** What the parser resets. */
const reset: Outcome = { status: 400, unasked: 'any' }

/** A message sent as frames; `head` makes its HEADERS, with further fields. */
function asFrames(
  claim: string,
  frames: (head: (...fields: [string, string][]) => Buffer, sent: Message) => Frames,
  expected: Outcome,
  base: PartsOf = post,
): Case {
  return tampered(
    claim,
    (sent) => {
      const head = (...fields: [string, string][]): Buffer =>
        headersFrame([...pseudo(sent), ...fieldsOf(sent), ...fields])
      return { ...sent, frames: frames(head, sent) }
    },
    expected,
    { base, on: 'http2' },
  )
}

const pseudo = ({ method, target, headers }: Message): [string, string][] => [
  [':method', method],
  [':scheme', 'http'],
  [':authority', headers.find(([name]) => name === 'host')?.[1] ?? ''],
  [':path', target],
]

const fieldsOf = ({ headers }: Message): [string, string][] =>
  headers.filter(([name]) => name !== 'host').map(([name, value]) => [name, value])

/** DATA in pieces, of which the last ends the stream. */
const pieces = (parts: readonly string[]): Frames =>
  parts.map((part, index) => dataFrame(part, { end: index === parts.length - 1 }))

const extended = (head: () => Buffer, { body }: Message): Frames => [head(), dataFrame(`${String(body)}&a=1`)]

/** A request of HTTP/2 that names hosts as given. */
function named(claim: string, authority: string | undefined, hosts: readonly string[], expected: Outcome): Case {
  return asFrames(
    claim,
    (_head, sent) => {
      const others = pseudo(sent).filter(([name]) => name !== ':authority')
      return [
        headersFrame(
          [
            ...others,
            ...(authority === undefined ? [] : [[':authority', authority] as const]),
            ...hosts.map((host) => ['host', host] as const),
            ...fieldsOf(sent),
          ],
          { end: true },
        ),
      ]
    },
    expected,
    {},
  )
}

/** What only HTTP/2 can say (RFC 9113): bodies that no field announces, and hosts in two places. */
export const http2Rows: readonly Row[] = [
  {
    id: 'S+ bodies added over HTTP/2',
    given: 'a body added to a signed request without one',
    cases: [
      asFrames('no DATA to come', (head) => [head(), dataFrame('')], accepted),
      asFrames('no DATA, but a trailer', (head) => [head(), headersFrame([['a', 'b']], { trailers: true })], accepted),
      asFrames('content-length: 0, and none', (head) => [head(['content-length', '0']), dataFrame('')], accepted),
      asFrames('DATA', (head) => [head(), dataFrame(added)], uncovered),
      asFrames('one byte', (head) => [head(), dataFrame('1')], uncovered),
      asFrames('DATA in pieces, the first empty', (head) => [head(), ...pieces(['', '{', '}'])], uncovered),
      asFrames(
        'DATA, and the end in a trailer',
        (head) => [head(), dataFrame(added, { end: false }), headersFrame([['a', 'b']], { trailers: true })],
        uncovered,
      ),
      asFrames(
        'DATA with the fields of a body',
        (head) => [head(['content-type', 'application/json'], ['content-digest', digestOf(added)]), dataFrame(added)],
        uncovered,
      ),
      asFrames('DATA of DELETE', (head) => [head(), dataFrame(added)], uncovered, { method: 'DELETE' }),
      asFrames('DATA of GET', (head) => [head(), dataFrame(added)], badRequest, {}),
      asFrames(
        'DATA of HEAD',
        (head) => [head(), dataFrame(added)],
        { status: 400, unasked: 'any' },
        { method: 'HEAD' },
      ),
      asFrames('DATA with content-length: 0', (head) => [head(['content-length', '0']), dataFrame(added)], reset),
    ],
  },
  {
    id: 'S+ bodies changed over HTTP/2',
    given: 'a signed body that is changed',
    cases: [
      asFrames('as signed, in pieces', (head) => [head(), ...pieces(['{"to":', '"alice"}'])], accepted, withBody),
      asFrames('another', (head) => [head(), dataFrame(added)], refused, withBody),
      asFrames('more of it', (head, { body }) => [head(), ...pieces([String(body), ' '])], refused, withBody),
      asFrames(
        'content-length says more',
        (head) => [head(['content-length', '99']), dataFrame('{}')],
        reset,
        withBody,
      ),
      asFrames('content-length says less', (head) => [head(['content-length', '1']), dataFrame('{}')], reset, withBody),
      asFrames('of a form for a resource token', extended, refused, resourceForm({ scope: 'data.read' })),
      asFrames('of a form for an authorization', extended, refused, async (stage) =>
        slots.resource.bring(stage, await assemble(slots.resource.parts(stage))),
      ),
    ],
  },
  {
    id: 'S+ hosts over HTTP/2',
    given: ':authority and Host (RFC 9113 §8.3.1)',
    cases: [
      named('Host alone', undefined, ['resource.example'], accepted),
      named('both, alike', 'resource.example', ['resource.example'], accepted),
      named('both, in other letters and with the default port', 'resource.example', ['Resource.Example:443'], accepted),
      named('Host of another', 'resource.example', ['evil.example'], badRequest),
      named(':authority of another', 'evil.example', ['resource.example'], badRequest),
      named('Host with another port', 'resource.example', ['resource.example:8443'], badRequest),
      // From Node 24 on the platform leaves such a field out, so that the handler does not see it either.
      named('Host with user-info', 'resource.example', ['a@resource.example'], isNode24 ? accepted : badRequest),
      named('an empty Host', 'resource.example', [''], badRequest),
      named('two Hosts', 'resource.example', ['resource.example', 'resource.example'], reset),
      resigned('signed for another', { authority: 'evil.example' }, refused, { on: 'http2' }),
    ],
  },
]
