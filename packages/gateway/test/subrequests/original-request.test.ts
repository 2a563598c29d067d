import { AAuthError } from 'countersign/resource'
import { describe, expect, it } from 'vitest'
import {
  dialects,
  parseOriginalRequest,
  requireNoTrailers,
  requireNothingUnseen,
  UnseenBody,
  unseenUpload,
} from '../../src/subrequests/original-request.js'

const { nginx, caddy } = dialects
const unseen = { isBodyUnseen: true, level: 'identity' } as never
const seen = { isBodyUnseen: false, level: 'identity' } as never
const open = { isBodyUnseen: false, level: 'none' } as never

const asked = (method: string, length: string[] = [], more: string[] = []) =>
  parseOriginalRequest(
    [
      'X-Original-Method',
      method,
      'X-Original-URI',
      '/a?b',
      ...length.flatMap((each) => ['X-Original-Body', each]),
      ...more,
    ],
    nginx,
  )

/** The class or code of a refusal. */
function refusalOf(judge: () => unknown): string | undefined {
  try {
    judge()
    return undefined
  } catch (error) {
    if (error instanceof UnseenBody) return 'unseen'
    if (error instanceof AAuthError) return error.code
    throw error
  }
}

describe('the original request', () => {
  it('is read from the headers of the proxy, without these', () => {
    const common = ['Host', 'a', 'x-original-body', '', 'Accept', 'b']
    const expected = { method: 'PUT', rawTarget: '/a?b', hasBody: true }
    expect(parseOriginalRequest(['X-Original-Method', 'PUT', 'x-original-uri', '/a?b', ...common], nginx)).toEqual({
      ...expected,
      rawHeaders: ['Host', 'a', 'Accept', 'b'],
      mayHaveTrailers: false,
    })
    const forwarded = ['X-Forwarded-Method', 'PUT', 'X-Forwarded-Uri', '/a?b', 'X-Original-URI', '/c']
    expect(parseOriginalRequest([...forwarded, ...common], caddy)).toEqual({
      ...expected,
      rawHeaders: ['X-Original-URI', '/c', 'Host', 'a', 'Accept', 'b'],
      mayHaveTrailers: true,
    })
  })

  it.each([
    [['X-Original-URI', '/a'], 'The proxy must send x-original-method exactly once, and not empty.'],
    [['X-Original-Method', '', 'X-Original-URI', '/a'], 'The proxy must send x-original-method exactly once'],
    [['X-Original-Method', 'GET'], 'The proxy must send x-original-uri exactly once, and not empty.'],
    [
      ['X-Original-Method', 'GET', 'X-Original-URI', '/a', 'x-original-uri', '/a'],
      'The proxy must send x-original-uri exactly once, and not empty.',
    ],
    [
      ['X-Original-Method', 'GET', 'X-Original-URI', '/a', 'X_Other', 'a'],
      'X_Other is not accepted: header names can contain only letters, digits and hyphens.',
    ],
  ])('of %j is refused', (rawHeaders, problem) => {
    expect(() => parseOriginalRequest(rawHeaders, nginx)).toThrow(
      expect.objectContaining({ code: 'request_malformed', message: expect.stringContaining(problem) as string }),
    )
  })

  it.each<[string, string[], boolean, boolean]>([
    ['GET', [], false, false],
    ['GET', [''], false, false],
    ['GET', ['0'], false, false],
    ['GET', ['5'], true, false],
    ['HEAD', ['0', 'chunked'], true, true],
    ['GET', ['chunked'], true, true],
    ['POST', [], true, true],
    ['POST', [''], true, true],
    ['POST', ['0'], false, false],
    ['POST', ['0', '0'], true, true],
    ['POST', ['0', '5'], true, true],
    ['POST', ['5'], true, false],
    ['POST', ['5x'], true, true],
    ['POST', ['x5'], true, true],
    ['DELETE', [], true, true],
  ])('%s with the lengths %j may have a body: %s; trailers: %s', (method, lengths, hasBody, mayHaveTrailers) => {
    const headers = [
      'X-Forwarded-Method',
      method,
      'X-Forwarded-Uri',
      '/',
      ...lengths.flatMap((each) => ['X-Original-Body', each]),
    ]
    expect(parseOriginalRequest(headers, caddy)).toMatchObject({ hasBody, mayHaveTrailers })
    expect(asked(method, lengths)).toMatchObject({ hasBody, mayHaveTrailers: false })
  })
})

describe('a body that the proxy does not pass on', () => {
  it.each<[string, string[], string | undefined, string | undefined]>([
    ['GET', [], undefined, undefined],
    ['HEAD', ['0'], undefined, undefined],
    ['GET', ['5'], 'unseen', undefined],
    ['HEAD', ['5'], 'unseen', undefined],
    ['POST', ['0'], 'unseen', undefined],
    ['POST', ['5'], 'unseen', undefined],
    ['DELETE', ['0'], 'unseen', undefined],
  ])('of %s with the length %j is refused: %s; if it may be unseen: %s', (method, lengths, refused, allowed) => {
    const request = asked(method, lengths, ['Content-Type', 'application/json'])
    expect(refusalOf(() => requireNothingUnseen(request, seen))).toBe(refused)
    expect(refusalOf(() => unseenUpload(request, seen))).toBe(refused)
    expect(refusalOf(() => requireNothingUnseen(request, unseen))).toBe(allowed)
    expect(refusalOf(() => requireNothingUnseen(request, open))).toBe(refused && 'request_malformed')
  })

  it('counts as announced if the request may have it, or names its digest', async () => {
    const json = ['Content-Type', 'application/json']
    const announced = (request: ReturnType<typeof asked>, need = unseen) => unseenUpload(request, need).isAnnounced
    expect(announced(asked('POST', ['5'], json))).toBe(true)
    expect(announced(asked('POST', ['0'], json))).toBe(false)
    expect(announced(asked('POST', ['0'], [...json, 'Content-Digest', 'a']))).toBe(true)
    expect(announced(asked('GET', [], ['Content-Digest', 'a']), seen)).toBe(false)
    expect(await unseenUpload(asked('POST', ['5'], json), unseen).take(undefined)).toBeUndefined()
    expect(new UnseenBody().status).toBe(401)
  })

  const notOne = 'A request with a body must have exactly one Content-Type here.'
  const isForm = 'The proxy does not pass on the body, so a form cannot be inspected'
  it.each<[string[], string[], string | undefined]>([
    [['5'], ['application/json'], undefined],
    [['5'], ['application/json ; charset=utf-8'], undefined],
    [['5'], [], notOne],
    [['0'], [], undefined],
    [['5'], ['a/b', 'a/b'], notOne],
    [['0'], ['a/b', 'a/b'], undefined],
    [['5'], ['application/x-www-form-urlencoded'], isForm],
    [['0'], ['multipart/form-data; boundary=b'], isForm],
    [['5'], ['a'], isForm],
    [['5'], ['a/b, c/d'], isForm],
    [['5'], ['a/b; c, d'], isForm],
    [['5'], ['a/b x'], isForm],
    [['5'], ['(a/b'], isForm],
  ])('with the length %j and the types %j: %s', (lengths, types, problem) => {
    const judge = () =>
      requireNothingUnseen(
        asked(
          'POST',
          lengths,
          types.flatMap((type) => ['Content-Type', type]),
        ),
        unseen,
      )
    if (problem === undefined) expect(judge).not.toThrow()
    else
      expect(judge).toThrow(
        expect.objectContaining({
          code: 'media_type_unsupported',
          message: expect.stringContaining(problem) as string,
        }),
      )
  })

  it('has no trailers that the proxy forwards', () => {
    const request = parseOriginalRequest(
      ['X-Forwarded-Method', 'POST', 'X-Forwarded-Uri', '/', 'X-Original-Body', 'chunked', 'Content-Type', 'a/b'],
      caddy,
    )
    for (const judge of [() => requireNothingUnseen(request, unseen), () => requireNoTrailers(request)])
      expect(judge).toThrow(
        expect.objectContaining({
          code: 'request_malformed',
          message: expect.stringContaining('Send the body with a Content-Length') as string,
        }),
      )
    expect(() => requireNoTrailers(asked('POST'))).not.toThrow()
  })
})
