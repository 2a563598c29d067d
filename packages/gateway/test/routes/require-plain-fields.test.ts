import type { AAuthError } from 'countersign/resource'
import { expect, it } from 'vitest'
import {
  isRestRoute,
  queryOf,
  requireNoTokenInQuery,
  requireNoTokenName,
  requirePlainFields,
  requirePlainFormField,
  requirePlainName,
} from '../../src/routes/require-plain-fields.js'

type RequestHead = Parameters<typeof requirePlainFields>[0]

const head = (rawHeaders: string[], more: Partial<RequestHead> = {}): RequestHead => ({
  method: 'GET',
  rawTarget: '/a',
  rawHeaders: ['Host', 'api.example', ...rawHeaders],
  ...more,
})
const problemOf = (message: RequestHead, withheld?: 'tokens') => {
  try {
    requirePlainFields(message, withheld)
    return undefined
  } catch (error) {
    const { code, message: problem } = error as AAuthError
    expect(code).toBe(
      /characters|lines/.test(problem)
        ? 'headers_too_large'
        : problem.includes(' has two ')
          ? 'header_duplicate'
          : 'request_malformed',
    )
    return problem
  }
}
const signed = (...fields: string[]) => [
  'Signature-Input',
  `sig=(${fields.map((name) => `"${name}"`).join(' ')});created=1`,
]

it.each([
  ['/a', ''],
  ['/a?', ''],
  ['/a?b?c', 'b?c'],
])('the query of %s is %j', (target, query) => {
  expect(queryOf(target)).toBe(query)
})

it.each<[string, string[], Partial<RequestHead>, string | undefined]>([
  ['nothing special', ['Accept', 'a'], {}, undefined],
  [
    'an override',
    ['X-HTTP-Method-Override', 'DELETE'],
    {},
    'X-HTTP-Method-Override is not accepted: send the intended request directly.',
  ],
  ['an override that the proxy sets itself', ['X-Forwarded-Prefix', '/'], { isFromProxy: true }, undefined],
  [
    'the same from a client',
    ['X-Forwarded-Prefix', '/'],
    {},
    'X-Forwarded-Prefix is not accepted: send the intended request directly.',
  ],
  [
    'an override that is forwarded, from the proxy',
    ['X-Original-URL', '/'],
    { isFromProxy: true },
    'X-Original-URL is not accepted: send the intended request directly.',
  ],
  // G56: Rack makes nginx serve any other path.
  [
    'a mapping of files to paths',
    ['X-Accel-Mapping', '/srv/a=/b'],
    {},
    'X-Accel-Mapping is not accepted: send the intended request directly.',
  ],
  ['the same from the proxy', ['X-Sendfile-Type', 'X-Accel-Redirect'], { isFromProxy: true }, undefined],
  [
    'a prefix that Plack removes from the path',
    ['X-Traversal-Path', '/a'],
    {},
    'X-Traversal-Path is not accepted: send the intended request directly.',
  ],
  ['a dropped header', ['X-Forwarded-For', '192.0.2.1'], {}, undefined],
  [
    'a dropped header that is signed',
    ['X-Forwarded-For', '192.0.2.1', ...signed('x-forwarded-for')],
    {},
    'X-Forwarded-For is not forwarded, so the signature must not cover it.',
  ],
  [
    'a hop-by-hop header that is signed',
    ['TE', 'trailers', ...signed('te')],
    {},
    'TE is not forwarded, so the signature must not cover it.',
  ],
  ['an identity header that is signed', ['X-AAuth-Level', 'x', ...signed('x-aauth-level')], {}, undefined],
  ['two hosts', ['host', 'api.example'], {}, 'The request has two Host headers: send one.'],
  ['two types', ['Content-Type', 'a', 'content-type', 'a'], {}, 'The request has two Content-Type headers: send one.'],
  ['a type of 1,024 characters', ['Content-Type', 'a'.repeat(1024)], {}, undefined],
  ['a longer type', ['Content-Type', 'a'.repeat(1025)], {}, 'Content-Type is longer than 1024 characters.'],
  [
    'an option that refers to a header',
    ['Connection', 'close, x-other'],
    {},
    'Connection cannot contain x-other: send close, keep-alive, Upgrade or TE.',
  ],
  [
    'an option that is signed',
    ['Connection', 'te', ...signed('te')],
    {},
    'Connection cannot contain te: send close, keep-alive, Upgrade or TE.',
  ],
  ['a Connection of 1,024 characters', ['Connection', `close,${' '.repeat(1016)}te`], {}, undefined],
  [
    'a longer Connection',
    ['Connection', `close,${' '.repeat(1017)}te`],
    {},
    'Connection is longer than 1024 characters.',
  ],
  ['a Connection with empty options', ['Connection', ', close,'], {}, undefined],
  ['a chunked body', ['Transfer-Encoding', 'Chunked'], {}, undefined],
  [
    'another transfer coding',
    ['Transfer-Encoding', 'gzip, chunked'],
    {},
    'Transfer-Encoding can only be chunked here.',
  ],
  [
    'two transfer codings',
    ['Transfer-Encoding', 'chunked', 'Transfer-Encoding', 'chunked'],
    {},
    'Transfer-Encoding can only be chunked here.',
  ],
  ['1,000 header lines', Array.from({ length: 999 }, (_, at) => [`X-${at}`, 'a']).flat(), {}, undefined],
  [
    'more header lines',
    Array.from({ length: 1000 }, (_, at) => [`X-${at}`, 'a']).flat(),
    {},
    'The request has more than 1000 header lines.',
  ],
  ['an ordinary header that is signed', ['Accept', 'a', ...signed('accept')], {}, undefined],
  [
    'a cookie that overrides the method',
    ['Accept', 'a', 'Cookie', 'a=1; _method=DELETE'],
    {},
    'The field _method is not accepted: send the intended request directly.',
  ],
  [
    'a long name that overrides the method',
    [],
    { rawTarget: `/a?_method[${'x'.repeat(40)}=1` },
    `The field _method[${'x'.repeat(24)} is not accepted: send the intended request directly.`,
  ],
  ['a parameter', [], { rawTarget: '/a?b=1&method=x' }, undefined],
  [
    'a parameter that overrides the method',
    [],
    { rawTarget: '/a?b=1&_method=DELETE' },
    'The field _method is not accepted: send the intended request directly.',
  ],
  [
    'one after a semicolon',
    [],
    { rawTarget: '/a?b=1;_method' },
    'The field _method is not accepted: send the intended request directly.',
  ],
  [
    'an encoded one',
    [],
    { rawTarget: '/a?%255fmethod=x' },
    'The field _method is not accepted: send the intended request directly.',
  ],
])('%s', (_what, rawHeaders, more, problem) => {
  expect(problemOf(head(rawHeaders, more))).toBe(problem)
})

it('a signature covers no Authorization that is withheld', () => {
  const authorized = (value: string) => head(['Accept', 'Bearer a', 'Authorization', value, ...signed('authorization')])
  const problem = 'Authorization is not forwarded, so the signature must not cover it.'
  expect([problemOf(authorized('Bearer a')), problemOf(authorized('Basic a'), 'tokens')]).toEqual([
    undefined,
    undefined,
  ])
  expect(problemOf(authorized('Bearer a'), 'tokens')).toBe(problem)
})

it('an access token is neither in the query nor in a field', () => {
  const refused = expect.objectContaining({
    code: 'request_malformed',
    message: 'An access token must be in the Authorization header, not in the query or the body.',
  })
  expect(() => requireNoTokenInQuery('/a?b=1&access_token=c')).toThrow(refused)
  expect(() => requireNoTokenInQuery('/access_token?b=1')).not.toThrow()
  expect(() => requireNoTokenName('access_token')).toThrow(refused)
  expect(() => requireNoTokenName('token')).not.toThrow()
})

it.each(['close', 'http2-settings', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'trailers', 'Upgrade'])(
  'Connection may contain %s',
  (option) => {
    expect(problemOf(head(['Connection', option]))).toBeUndefined()
  },
)

it.each([
  ['_method', true],
  ['x-original-url', true],
  ['--XRewriteUrl', true],
  ['method', false],
  ['original-url', false],
  ['url', false],
])('the field %s names another request: %s', (name, expected) => {
  if (expected) expect(() => requirePlainName(name)).toThrow('is not accepted')
  else expect(() => requirePlainName(name)).not.toThrow()
})

it.each([
  ['rest_route', true],
  ['rest.route', true],
  [' REST route', true],
  ['rest[route', true],
  ['rest_route[]', true],
  ['rest_route\0x', true],
  ['rest__route', false],
  ['restroute', false],
  ['rest_routes', false],
  ['my_rest_route', false],
])('WordPress reads %j as rest_route: %s', (name, expected) => {
  expect(isRestRoute(name)).toBe(expected)
  if (expected) expect(() => requirePlainFormField(name)).toThrow('The field rest_route is not accepted')
  else expect(() => requirePlainFormField(name)).not.toThrow()
})
