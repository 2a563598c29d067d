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
/** The outcome of a stream that the parser resets. */
const reset: Outcome = { status: 400, unasked: 'any' }

/** A message sent as frames; `head` creates its HEADERS, with additional fields. */
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

/** DATA in pieces; the last piece ends the stream. */
const pieces = (parts: readonly string[]): Frames =>
  parts.map((part, index) => dataFrame(part, { end: index === parts.length - 1 }))

const extended = (head: () => Buffer, { body }: Message): Frames => [head(), dataFrame(`${String(body)}&a=1`)]

/** An HTTP/2 request with the given host names. */
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

/** Cases that only HTTP/2 can express (RFC 9113): bodies that no field announces, and hosts in two places. */
export const http2Rows: readonly Row[] = [
  {
    id: 'S+ bodies added over HTTP/2',
    given: 'a body added to a signed request without one',
    cases: [
      asFrames('no DATA follows', (head) => [head(), dataFrame('')], accepted),
      asFrames('no DATA, but a trailer', (head) => [head(), headersFrame([['a', 'b']], { trailers: true })], accepted),
      asFrames('content-length: 0, and no DATA', (head) => [head(['content-length', '0']), dataFrame('')], accepted),
      asFrames('DATA', (head) => [head(), dataFrame(added)], uncovered),
      asFrames('one byte', (head) => [head(), dataFrame('1')], uncovered),
      asFrames('DATA in pieces, the first empty', (head) => [head(), ...pieces(['', '{', '}'])], uncovered),
      asFrames(
        'DATA, and the end of stream in a trailer',
        (head) => [head(), dataFrame(added, { end: false }), headersFrame([['a', 'b']], { trailers: true })],
        uncovered,
      ),
      asFrames(
        'DATA with the body’s fields',
        (head) => [head(['content-type', 'application/json'], ['content-digest', digestOf(added)]), dataFrame(added)],
        uncovered,
      ),
      asFrames('DATA in a DELETE', (head) => [head(), dataFrame(added)], uncovered, { method: 'DELETE' }),
      asFrames('DATA in a GET', (head) => [head(), dataFrame(added)], badRequest, {}),
      asFrames(
        'DATA in a HEAD',
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
      asFrames('additional DATA', (head, { body }) => [head(), ...pieces([String(body), ' '])], refused, withBody),
      asFrames(
        'content-length too large',
        (head) => [head(['content-length', '99']), dataFrame('{}')],
        reset,
        withBody,
      ),
      asFrames('content-length too small', (head) => [head(['content-length', '1']), dataFrame('{}')], reset, withBody),
      asFrames('in a form for a resource token', extended, refused, resourceForm({ scope: 'data.read' })),
      asFrames('in a form for an authorization', extended, refused, async (stage) =>
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
      named(
        'both, in different case and with the default port',
        'resource.example',
        ['Resource.Example:443'],
        accepted,
      ),
      named('Host of another server', 'resource.example', ['evil.example'], badRequest),
      named(':authority of another server', 'evil.example', ['resource.example'], badRequest),
      named('Host with another port', 'resource.example', ['resource.example:8443'], badRequest),
      // Since Node 24, the platform omits such a field, so the handler does not see it either.
      named('Host with userinfo', 'resource.example', ['a@resource.example'], isNode24 ? accepted : badRequest),
      named('an empty Host', 'resource.example', [''], badRequest),
      named('two Hosts', 'resource.example', ['resource.example', 'resource.example'], reset),
      resigned('signed for another host', { authority: 'evil.example' }, refused, { on: 'http2' }),
    ],
  },
]
