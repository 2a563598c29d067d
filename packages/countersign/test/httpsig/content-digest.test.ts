import { contentDigest, parseContentDigest } from 'countersign/signatures'
import { expect, it } from 'vitest'
import { refusalCode } from '../refusal.js'

const sha256 = await contentDigest(new Uint8Array(0))

/** A field of this many characters that contains a supported digest. */
const fieldOf = (length: number) => `${sha256}, x=:${'A'.repeat(length - sha256.length - 6)}:`

it('accepts a Content-Digest of 4,096 characters, and rejects a longer one', async () => {
  const longest = fieldOf(4096)
  expect(longest).toHaveLength(4096)
  expect([...parseContentDigest(longest).keys()]).toEqual(['sha-256'])
  expect(await refusalCode(() => parseContentDigest(fieldOf(4100)))).toBe('digest_malformed')
})

it.each([
  'sha-256;d=:AA==:',
  'sha-256 a=:AA==:',
  'sha-512;a=1;d=:AA==:',
  'sha-256=:AA==:, sha-512;d=:AA==:',
  'sha-256=:AA==:;c=?11',
  'sha-256=:AA==:;a=1?1',
  'sha-256=:AA==:;a="',
  'sha-256=:AA==:;A',
  'sha-256=:AA==:x',
  'sha-256=:AA:;a',
  'sha-256=:AB==:;a',
  'sha-256=AA==',
  'sha-256=(:AA==:)',
  'sha-256=:AA==:,',
  ', sha-256=:AA==:',
  'sha-256=:AA==:,, md5=:AA==:',
  'sha-256=:AA==:, sha-256=:AA==:',
  'sha-256=:AA==:, md5=1',
  'SHA-256=:AA==:',
])('rejects %s', async (field) => {
  expect(await refusalCode(() => parseContentDigest(field))).toBe('digest_malformed')
})

it.each([
  ['sha-256=:AA==:;a;b="x,\\"y";c=?1;d=-1.5;e=t/k:n;f=:AA==:', ['sha-256']],
  ['md5=:AA==:,\tsha-512=:AA==: , new=:AAAA:', ['sha-512']],
  ['sha-512=:AA==:, sha-256=:AA==:', ['sha-512', 'sha-256']],
])('accepts %s', (field, algorithms) => {
  expect([...parseContentDigest(field)]).toEqual(algorithms.map((name) => [name, 'AA==']))
})
