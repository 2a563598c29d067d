import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { createPasswordLink } from '../../src/sign-in/one-time-link.js'

type Stored = Parameters<Parameters<typeof createPasswordLink>[0]['createLink']>[0]

const user = { userId: 'alice', by: 'operator:carol', sentTo: 'alice@home.example' }

function storageThat(outcome: 'created' | 'has_factor' | 'unknown') {
  const stored: Stored[] = []
  const createLink = async (link: Stored) => {
    stored.push(link)
    return outcome
  }
  return { stored, storage: { createLink } as unknown as Parameters<typeof createPasswordLink>[0] }
}

it.each([
  ['invite', 7 * 86_400],
  ['reset', 1200],
] as const)('a link to %s works for %i seconds, and is stored only as a hash', async (purpose, lifetime) => {
  const { stored, storage } = storageThat('created')
  const created = await createPasswordLink(storage, { issuer: 'https://auth.example', purpose, ...user })
  expect(created).toMatchObject({ outcome: 'created', expiresIn: lifetime })
  const url = created.outcome === 'created' ? created.url : ''
  const [, token = ''] = /^https:\/\/auth\.example\/account\/link\?token=(aalk_[\w-]{43})$/.exec(url) ?? []
  const tokenHash = createHash('sha256').update(token).digest('base64url')
  expect(stored).toEqual([{ ...user, purpose, lifetime, tokenHash }])
})

it.each(['has_factor', 'unknown'] as const)('no link is returned if storage refuses it: %s', async (outcome) => {
  const { storage } = storageThat(outcome)
  const link = { issuer: 'https://auth.example', purpose: 'invite', ...user } as const
  expect(await createPasswordLink(storage, link)).toEqual({ outcome })
})
