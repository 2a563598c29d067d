import { contentDigest, requireContentDigest } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import vectors from '../../vectors/rfc9530-content-digest.json' with { type: 'json' }
import { refusalCode } from '../refusal.js'

describe('Content-Digest (RFC 9530)', () => {
  it.each(vectors.cases)('$name: accepted', async ({ body, header }) => {
    await requireContentDigest(header, Buffer.from(body))
    expect(await refusalCode(() => requireContentDigest(header, Buffer.from(`${body} `)))).toBe('digest_mismatch')
  })

  it.each(vectors.cases.filter(({ header }) => /^sha-256=:[^:]+:$/.test(header)))('$name: generated', async ({ body, header }) => {
    expect(await contentDigest(Buffer.from(body))).toBe(header)
  })

  it('rejects a truncated digest', async () => {
    const { body, header } = vectors.truncated
    expect(await refusalCode(() => requireContentDigest(header, Buffer.from(body)))).toBe('digest_mismatch')
  })

  const body = '{"hello": "world"}\n'
  const sha256 = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'
  it.each([
    ['an additional unknown algorithm', `unixsum=30637, ${sha256}`, 'digest_malformed'],
    ['a second algorithm that does not match', `${sha256}, sha-512=:AAAA:`, 'digest_mismatch'],
    ['a second value of the same algorithm', `sha-256=:AAAA:, ${sha256}`, 'digest_malformed'],
    ['only md5', 'md5=:AAAA:', 'digest_malformed'],
    ['only sha', 'sha=:AAAA:', 'digest_malformed'],
    ['only a future algorithm', 'sha-999=:AAAA:', 'digest_malformed'],
    ['a member named like a property that every object inherits', 'constructor=:AAAA:', 'digest_malformed'],
    ['uppercase', sha256.replace('sha', 'SHA'), 'digest_malformed'],
    ['a string', sha256.replaceAll(':', '"'), 'digest_malformed'],
    ['an inner list', 'sha-256=(:AAAA:)', 'digest_malformed'],
    ['base64url', sha256.replaceAll('/', '_'), 'digest_malformed'],
    ['no padding', sha256.replace('=:', '').replace('=:', ':').replace('sha-256', 'sha-256=:'), 'digest_mismatch'],
    ['unused bits set', sha256.replace('Dg=', 'Dh='), 'digest_mismatch'],
    ['empty', '', 'digest_malformed'],
    ['100 KiB of members', 'a=a='.repeat(25_600), 'digest_malformed'],
  ])('%s: rejected', async (_name, header, code) => {
    expect(await refusalCode(() => requireContentDigest(header, Buffer.from(body)))).toBe(code)
  })

  it('a digest of an unknown algorithm as a byte sequence is ignored next to a known one', async () => {
    await requireContentDigest(`sha-999=:AAAA:, ${sha256}`, Buffer.from(body))
  })
})
