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
