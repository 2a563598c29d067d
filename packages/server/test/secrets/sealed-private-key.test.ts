import { createCipheriv, randomBytes } from 'node:crypto'
import { expect, it } from 'vitest'
import { openPrivateKey, sealPrivateKey } from '../../src/secrets/sealed-private-key.js'

type StoredKey = Parameters<typeof openPrivateKey>[0]

const masterKey = randomBytes(32)
const sealedFor = { kid: 'key-1', purpose: 'sign' } as const
const sealed = sealPrivateKey(Buffer.from('private'), masterKey, sealedFor)
const stored = (text: string | null) => ({ ...sealedFor, private: text }) as StoredKey
const [version = '', iv = '', ciphertext = '', tag = ''] = sealed.split('.')

it('decrypts what it sealed, for the same key', () => {
  expect(openPrivateKey(stored(sealed), masterKey).toString()).toBe('private')
})

it.each([
  ['january', ['countersign key', 'sign', 'key-1']],
  ['oauth', ['countersign key', 'sign', 'key-1', 'oauth']],
])('decrypts what earlier versions sealed for %s, with a nonce of 12 bytes', (edition, sealedWith) => {
  const nonce = Buffer.from(iv, 'base64url')
  expect(nonce).toHaveLength(12)
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(Buffer.from(JSON.stringify(sealedWith)))
  const encrypted = Buffer.concat([cipher.update('private'), cipher.final()])
  const text = ['v1', ...[nonce, encrypted, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.')
  expect(openPrivateKey({ ...stored(text), edition }, masterKey).toString()).toBe('private')
})

it.each([
  ['nothing', null],
  ['another version', ['v2', iv, ciphertext, tag].join('.')],
  ['a version only', version],
  ['no ciphertext', [version, iv].join('.')],
  ['no tag', [version, iv, ciphertext].join('.')],
  ['a fifth part', `${sealed}.a`],
])('refuses a private part with %s', (_case, text) => {
  expect(() => openPrivateKey(stored(text), masterKey)).toThrow(
    expect.objectContaining({
      name: 'KeyError',
      code: 'master_key_wrong',
      message: 'The private key of key-1 was not encrypted by this server.',
    }),
  )
})

it.each([
  ['a different master key', stored(sealed), randomBytes(32)],
  ['the seal of another key', { ...stored(sealed), kid: 'key-2' }, masterKey],
  ['a changed ciphertext', stored([version, iv, `${ciphertext}A`, tag].join('.')), masterKey],
  ['a short tag', stored([version, iv, ciphertext, tag.slice(0, 16)].join('.')), masterKey],
])('refuses %s', (_case, key, master) => {
  expect(() => openPrivateKey(key, master)).toThrow('encrypted with a different master key')
})
