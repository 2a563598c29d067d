import { describe, expect, it } from 'vitest'
import { createMintedSecrets, hashSecret } from '../../src/secrets/server-keys.js'

const secrets = createMintedSecrets(new Uint8Array(32).fill(1))

describe('minted secrets', () => {
  it('needs a secret of 32 bytes', () => {
    expect(() => createMintedSecrets(new Uint8Array(31))).toThrow(TypeError)
  })

  it('creates random secrets of 32 bytes with their prefix, never twice', () => {
    const made = Array.from({ length: 100 }, () => secrets.random('aarq_'))
    expect(made.every((secret) => /^aarq_[\w-]{43}$/.test(secret))).toBe(true)
    expect(new Set(made).size).toBe(100)
  })

  it('derives the same code for a request each time, on every instance with the secret, and on no other', () => {
    const code = secrets.codeOf('request-1')
    expect(code).toMatch(/^aacd_[\w-]{43}$/)
    expect(createMintedSecrets(new Uint8Array(32).fill(1)).codeOf('request-1')).toBe(code)
    expect(secrets.codeOf('request-2')).not.toBe(code)
    expect(createMintedSecrets(new Uint8Array(32).fill(2)).codeOf('request-1')).not.toBe(code)
  })

  it('accepts a form value in the browser that it was rendered for, and returns the page', () => {
    expect(secrets.readCsrf(secrets.csrfFor('browser-1', 'page-1'), 'browser-1')).toBe('page-1')
  })

  it.each([
    ['from another browser', secrets.csrfFor('browser-2', 'page-1')],
    ['whose page was changed', secrets.csrfFor('browser-1', 'page-1').replace('page-1', 'page-2')],
    ['with trailing data', `${secrets.csrfFor('browser-1', 'page-1')}.x`],
    ['that is truncated', secrets.csrfFor('browser-1', 'page-1').slice(0, -1)],
    ['without its mac', 'page-1'],
    ['with an empty mac', 'page-1.'],
    ['that is empty', ''],
    ['that is a code', secrets.codeOf('browser-1')],
    ['made with another secret', createMintedSecrets(new Uint8Array(32).fill(2)).csrfFor('browser-1', 'page-1')],
    ['with letters outside ASCII', `page-1.${'ä'.repeat(43)}`],
  ])('rejects a form value %s', (_claim, value) => {
    expect(secrets.readCsrf(value, 'browser-1')).toBeUndefined()
  })

  it('opens sealed data in the same browser only, and reveals nothing of it', () => {
    const known = secrets.sealKnown('browser-1', 'text ~ 192.0.2.1')
    expect(secrets.openKnown(known, 'browser-1')).toBe('text ~ 192.0.2.1')
    expect(secrets.openKnown(known, 'browser-2')).toBeUndefined()
    expect(known).not.toBe(secrets.sealKnown('browser-1', 'text ~ 192.0.2.1'))
    expect(Buffer.from(known, 'base64url').toString('latin1')).not.toContain('192')
    expect(createMintedSecrets(new Uint8Array(32).fill(2)).openKnown(known, 'browser-1')).toBeUndefined()
    for (let at = 0; at < known.length; at++) {
      const changed = known.slice(0, at) + (known[at] === 'A' ? 'B' : 'A') + known.slice(at + 1)
      if (!Buffer.from(changed, 'base64url').equals(Buffer.from(known, 'base64url')))
        expect(secrets.openKnown(changed, 'browser-1'), changed).toBeUndefined()
      expect(secrets.openKnown(known.slice(0, at), 'browser-1')).toBeUndefined()
    }
  })

  it('hashes to 43 characters of base64url', () => {
    expect(hashSecret('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
  })
})
