import { createHash } from 'node:crypto'
import { type RevokedKind, revocationEntry } from 'countersign/editions'
import { expect, it } from 'vitest'

/** Resources running other versions depend on the exact form of an entry: it never changes. */
it.each<[RevokedKind, string, string]>([
  ['grant', '0190a3c2-7e1d-7000-8a4b-1c2d3e4f5a6b', 'i9SBRZbSsZqF9Dzl'],
  ['agent', 'https://agent.example', 'CG8MtzQ3nLqPHAr0'],
  ['sub', '6f1c9d0e-9a52-4a0f-8d9e-2b7c1f3a5e10', 'V9b7tMBtIvVKq1JG'],
])('the entry of %s %s is %s', async (kind, value, entry) => {
  expect(await revocationEntry(kind, value)).toBe(entry)
})

it('an entry is the first 12 bytes of the SHA-256 of kind and value, in base64url', async () => {
  const digest = createHash('sha256').update('agent https://agent.example').digest()
  expect(await revocationEntry('agent', 'https://agent.example')).toBe(digest.subarray(0, 12).toString('base64url'))
})
