import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { requireAuthToken, sendWithRetries } from '../../../src/editions/january/token-endpoint.js'

const lost = (code: string) =>
  new TypeError('fetch failed', { cause: Object.assign(new Error(`connect ${code}`), { code }) })
const never = new AbortController().signal

/** Sends over a network that fails this many times before it delivers. */
function network(failures: readonly Error[]) {
  const sent: number[] = []
  const send = async () => {
    sent.push(performance.now())
    const failure = failures[sent.length - 1]
    if (failure) throw failure
    return new Response('carried')
  }
  return { sent, send }
}

describe('a request lost by the network', () => {
  it.each([
    ['never', 0],
    ['twice', 2],
  ])('is sent up to three times: lost %s', async (_often, failures) => {
    const { send, sent } = network(Array.from({ length: failures }, () => lost('ECONNRESET')))
    expect(await (await sendWithRetries(send, { mayHaveArrived: true, signal: never })).text()).toBe('carried')
    expect(sent).toHaveLength(failures + 1)
    for (const [index, at] of sent.entries()) if (index > 0) expect(at - (sent[index - 1] ?? 0)).toBeGreaterThan(90)
  })

  it('fails after three attempts', async () => {
    const { send, sent } = network([lost('1'), lost('2'), lost('3'), lost('4')])
    await expect(sendWithRetries(send, { mayHaveArrived: true, signal: never })).rejects.toMatchObject({
      cause: { code: '3' },
    })
    expect(sent).toHaveLength(3)
  })

  it.each([
    ['ECONNREFUSED', 2],
    ['ENOTFOUND', 2],
    ['EAI_AGAIN', 2],
    ['ECONNRESET', 1],
    ['UND_ERR_SOCKET', 1],
  ])('is sent again, if a duplicate would do harm, only if it cannot have arrived: %s', async (code, times) => {
    const { send, sent } = network([lost(code)])
    await sendWithRetries(send, { mayHaveArrived: false, signal: never }).catch(() => undefined)
    expect(sent).toHaveLength(times)
  })

  it.each<[string, Error]>([
    ['a bug', new TypeError('no such option')],
    ['another error', new Error('a bug')],
  ])('is not retried for %s, which is reported immediately', async (_what, error) => {
    const { send, sent } = network([error])
    await expect(sendWithRetries(send, { mayHaveArrived: true, signal: never })).rejects.toBe(error)
    expect(sent).toHaveLength(1)
  })

  it('is not sent again after an abort', async () => {
    const abort = new AbortController()
    const { send, sent } = network([lost('1'), lost('2')])
    const sending = sendWithRetries(send, { mayHaveArrived: true, signal: abort.signal })
    await new Promise(setImmediate)
    abort.abort(new Error('given up'))
    await expect(sending).rejects.toThrow('given up')
    expect(sent).toHaveLength(1)
  })
})

describe('requireAuthToken', async () => {
  const now = 1_800_000_000
  const signer = await createSigner(await generatePrivateJwk())
  const other = await createSigner(await generatePrivateJwk())
  const need = { resource: 'https://api.example', authServer: 'https://auth.example' }
  const claims = {
    iss: need.authServer,
    aud: need.resource as unknown,
    exp: now + 100,
    scope: 'data.read data.write' as unknown,
    cnf: { jwk: signer.jwk } as unknown,
  }
  const take = async (change: object = {}, answer: object = {}, type: object = january.tokens.auth) => {
    const token = await issueToken(type as typeof january.tokens.auth, { ...claims, ...change } as never, { signer })
    const client = { thumbprint: signer.thumbprint, now: () => now } as Parameters<typeof requireAuthToken>[0]
    return requireAuthToken(client, need, { auth_token: token, ...answer })
  }

  it('returns the token with its scopes and when to refresh it', async () => {
    expect(await take()).toEqual({
      jwt: expect.any(String),
      resource: need.resource,
      scope: ['data.read', 'data.write'],
      expiresAt: now + 100,
      refreshAt: now + 80,
      authServer: need.authServer,
      refreshToken: undefined,
    })
  })

  it.each([
    [{ expires_in: 10 }, { expiresAt: now + 10, refreshAt: now + 8 }],
    [{ expires_in: 1000 }, { expiresAt: now + 100 }],
    [{ expires_in: '10' }, { expiresAt: now + 100 }],
    [{ refresh_token: 'aart_x' }, { refreshToken: 'aart_x' }],
    [{ refresh_token: 7 }, { refreshToken: undefined }],
  ])('reads %j', async (answer, expected) => {
    expect(await take({}, answer)).toMatchObject(expected)
  })

  it.each([
    [{ scope: undefined }, []],
    [{ scope: 7 }, []],
    [{ scope: 'a  b' }, []],
  ])('reads the scope of a token with %j as none', async (change, scope) => {
    expect((await take(change)).scope).toEqual(scope)
  })

  it('accepts an aud with several members', async () => {
    expect(await take({ aud: ['https://other.example', need.resource] })).toMatchObject({ resource: need.resource })
  })

  it.each<[string, object, object, string]>([
    ['no token', {}, { auth_token: undefined }, 'the response contains no token'],
    ['a token that cannot be decoded', {}, { auth_token: 'a' }, 'it is not a token of type auth+jwt'],
    ['another issuer', { iss: 'https://evil.example' }, {}, 'its iss is not the auth server that was called'],
    ['another aud', { aud: 'https://evil.example' }, {}, 'its aud is not the resource that was called'],
    ['no aud', { aud: undefined }, {}, 'its aud is not the resource that was called'],
    ['other auds', { aud: ['https://evil.example'] }, {}, 'its aud is not the resource that was called'],
    ['no cnf', { cnf: undefined }, {}, 'it is not bound to a key'],
    ['no key', { cnf: { jwk: 'a' } }, {}, 'it is not bound to a key'],
    ['a key without a type', { cnf: { jwk: { x: 'a' } } }, {}, 'it is not bound to a key'],
    ['a key type that is not a string', { cnf: { jwk: { kty: 7 } } }, {}, 'it is not bound to a key'],
    ['a key of an unknown type', { cnf: { jwk: { kty: 'new' } } }, {}, 'it is bound to another key'],
    ['another key', { cnf: { jwk: other.jwk } }, {}, 'it is bound to another key'],
    ['an expired token', { exp: now }, {}, 'its exp is not in the future'],
    ['an exp that is not a number', { exp: String(now + 100) }, {}, 'its exp is not in the future'],
  ])('rejects %s', async (_what, change, answer, why) => {
    await expect(take(change, answer)).rejects.toMatchObject({
      code: 'auth_token_refused',
      message: `The auth token was rejected: ${why}.`,
    })
  })

  it('rejects a token of another type', async () => {
    await expect(take({}, {}, january.tokens.agent)).rejects.toThrow('it is not a token of type auth+jwt')
  })
})
