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
    ['with a dot in its mac', secrets.csrfFor('browser-1', 'page-1').replace(/.$/, '.$&')],
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

  it('opens what it sealed for the same purpose only', () => {
    const sealed = secrets.seal('one', 'text')
    expect(secrets.unseal('one', sealed)).toBe('text')
    expect(secrets.unseal('two', sealed)).toBeUndefined()
    expect(secrets.openKnown(sealed, 'one')).toBeUndefined()
    expect(secrets.unseal('one', secrets.sealKnown('one', 'text'))).toBeUndefined()
    expect(createMintedSecrets(new Uint8Array(32).fill(2)).unseal('one', sealed)).toBeUndefined()
    expect(secrets.unseal('one', 'x')).toBeUndefined()
    expect(secrets.unseal('one', secrets.seal('one', ''))).toBe('')
  })

  describe('refresh tokens of a family', () => {
    const family = '0190a8c4-7d3e-4b21-9f00-00ff10203040'
    const other = createMintedSecrets(new Uint8Array(32).fill(2))
    const token = secrets.refreshTokenOf('one', { family, generation: 3 })

    it.each([0, 1, 255, 65_536, 0xffffffff])('are the same each time, and readable, in generation %i', (generation) => {
      const derived = secrets.refreshTokenOf('one', { family, generation })
      expect(derived).toMatch(/^aart_[\w-]{70}$/)
      expect(createMintedSecrets(new Uint8Array(32).fill(1)).refreshTokenOf('one', { family, generation })).toBe(
        derived,
      )
      expect(secrets.readRefreshToken('one', derived)).toEqual({ family, generation })
    })

    it('differ by generation, family, edition and server', () => {
      const otherFamily = family.replace('0190', '0191')
      const derived = [
        token,
        secrets.refreshTokenOf('one', { family, generation: 4 }),
        secrets.refreshTokenOf('one', { family: otherFamily, generation: 3 }),
        secrets.refreshTokenOf('two', { family, generation: 3 }),
        other.refreshTokenOf('one', { family, generation: 3 }),
      ]
      expect(new Set(derived.map((each) => each.slice(-43))).size).toBe(derived.length)
    })

    /** The token with another character at a position. */
    const changed = (at: number) => `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`

    it('are not read with any character changed, added or removed', () => {
      for (let at = 0; at < token.length; at++) {
        expect(secrets.readRefreshToken('one', changed(at)), changed(at)).toBeUndefined()
        expect(secrets.readRefreshToken('one', token.slice(0, at))).toBeUndefined()
      }
      for (const text of [`${token}A`, `${token}=`, ` ${token}`, token.replace('aart_', 'aarq_'), `${token}\n`])
        expect(secrets.readRefreshToken('one', text), text).toBeUndefined()
    })

    it('are not read if the last character spells the same bytes differently', () => {
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      const same = `${token.slice(0, -1)}${alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1]}`
      expect(Buffer.from(same.slice(5), 'base64url')).toEqual(Buffer.from(token.slice(5), 'base64url'))
      expect(secrets.readRefreshToken('one', same)).toBeUndefined()
    })

    it.each([
      ['of another edition', secrets.refreshTokenOf('two', { family, generation: 3 })],
      ['of an edition whose name contains this one', secrets.refreshTokenOf('one\none', { family, generation: 3 })],
      ['of another server', other.refreshTokenOf('one', { family, generation: 3 })],
      ['that does not rotate', secrets.random('aart_')],
      ['that is a code', secrets.codeOf('request-1')],
      ['with letters outside ASCII', `aart_${'ä'.repeat(70)}`],
      ['that is empty', ''],
    ])('are not read from a token %s', (_claim, text) => {
      expect(secrets.readRefreshToken('one', text)).toBeUndefined()
    })

    it.each([
      [{ family: 'family', generation: 0 }],
      [{ family: family.toUpperCase(), generation: 0 }],
      [{ family: `${family}\n`, generation: 0 }],
      [{ family, generation: -1 }],
      [{ family, generation: 0.5 }],
      [{ family, generation: 2 ** 32 }],
    ])('are not derived from %j', (named) => {
      expect(() => secrets.refreshTokenOf('one', named)).toThrow(TypeError)
    })
  })

  it('derives what earlier versions derived, and opens what they sealed', () => {
    const image = new Uint8Array([1, 2, 3])
    const family = '0190a8c4-7d3e-4b21-9f00-00ff10203040'
    expect({
      code: secrets.codeOf('request-1'),
      refresh: secrets.refreshTokenOf('one', { family, generation: 3 }),
      logo: secrets.logoIdOf('https://agent.example', image),
      csrf: secrets.csrfFor('browser-1', 'page-1'),
      notice: secrets.noticeFor('browser-1', 'text'),
      known: secrets.openKnown('jOHftGLdeOz-eGnewUhcPKQ8siElRQeGpLCgnDxuBbQ', 'browser-1'),
      sealed: secrets.unseal('purpose', 'CnUCEHgG8CaLjdfOopG1y8Go_ynDPqvrLxaQcdDEWkw'),
    }).toEqual({
      code: 'aacd_ojI5qIhlLZ1UxyzVVspKn2Vt_i0vJWtpxCoyR1Yh5lM',
      refresh: 'aart_AZCoxH0-SyGfAAD_ECAwQAAAAANvIKoF6ssditZ7GzXi8pZlQZb7jJU8f-EtG-DBPriSHA',
      logo: 'a5vUDHA7h-gt398mJ4FafEf2hFEf4g2TvZkDWmk-teg',
      csrf: 'page-1.CwqVnV7krWrw-enAESqUGMIWkR4k67m49ad9Ov6EltA',
      notice: 'text.0TzOg7eVvS2hP1ITUPkMPXADPRfV1njEdCcO8_TBGOE',
      known: 'text',
      sealed: 'text',
    })
    expect(secrets.readNotice(secrets.noticeFor('browser-1', 'text'), 'browser-1')).toBe('text')
    expect(secrets.readNotice(secrets.csrfFor('browser-1', 'text'), 'browser-1')).toBeUndefined()
  })

  it('hashes to 43 characters of base64url', () => {
    expect(hashSecret('abc')).toBe('ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
  })
})
