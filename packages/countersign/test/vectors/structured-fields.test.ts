import { AAuthError } from 'countersign'
import { parseChallenge, parseSignatureKey } from 'countersign/editions'
import { parseBase64, parseSignature, parseSignatureInput, requireContentDigest, serializeBase64 } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import suite from '../../vectors/structured-fields.json' with { type: 'json' }

interface Vector {
  name: string
  raw: string
  must_fail?: boolean
  can_fail?: boolean
  expected?: string
  exception?: string
}

/** The parser's result, or the fact that it rejected the text. */
function outcome<T>(parse: () => T): { value: T } | 'refused' {
  try {
    return { value: parse() }
  } catch (error) {
    if (error instanceof AAuthError) return 'refused'
    throw error
  }
}

const every = (vectors: readonly Vector[]) => vectors
const mustFail = (vectors: readonly Vector[]) => vectors.filter((vector) => vector.must_fail === true)
const mustPass = (vectors: readonly Vector[]) => vectors.filter(({ must_fail, can_fail }) => !must_fail && !can_fail)

const digest = 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:'
const digested = Buffer.from('{"hello": "world"}\n')
const acceptsDigest = (header: string) =>
  requireContentDigest(header, digested).then(
    () => true,
    (error: unknown) => {
      if (error instanceof AAuthError && error.code === 'digest_malformed') return false
      throw error
    },
  )

describe('byte sequences', () => {
  const inSignature = every(suite.binary).filter(({ exception }) => exception === undefined)

  it.each(mustFail(inSignature))('Signature, $name: fails', ({ raw }) => {
    expect(outcome(() => parseSignature(`sig1=${raw}`))).toBe('refused')
  })

  it.each(mustPass(inSignature).filter(({ expected }) => expected !== ''))('Signature, $name: $expected', ({ raw, expected }) => {
    const parsed = outcome(() => parseSignature(`sig1=${raw}`))
    expect(parsed).toEqual({ value: { label: 'sig1', signature: parseBase64(expected ?? '') } })
    if (parsed !== 'refused') expect(serializeBase64(parsed.value.signature)).toBe(expected)
  })

  it('Signature, base64url binary: accepted by decision W2, although the suite requires failure', () => {
    const [vector] = every(suite.binary).filter(({ exception }) => exception !== undefined)
    expect(outcome(() => parseSignature(`sig1=${vector?.raw}`))).not.toBe('refused')
  })

  it.each(mustFail(suite.binary))('Content-Digest, $name: fails next to a correct digest', async ({ raw }) => {
    expect(await acceptsDigest(`${digest}, sha-999=${raw}`)).toBe(false)
  })

  it.each(mustPass(suite.binary))('Content-Digest, $name: ignored next to a correct digest', async ({ raw }) => {
    expect(await acceptsDigest(`${digest}, sha-999=${raw}`)).toBe(true)
  })
})

describe('dictionaries', () => {
  it.each(mustFail(suite.dictionary))('Content-Digest, $name: fails next to a correct digest', async ({ raw }) => {
    expect(await acceptsDigest(`${digest}, ${raw.replaceAll(/=\d(?:\.\d)?|=b/g, '=:AAAA:')}`)).toBe(false)
  })

  it.each(mustFail(suite.dictionary))('the three signature headers, $name: fails', ({ raw }) => {
    expect(outcome(() => parseSignature(raw.replaceAll(/=\d/g, '=:AAAA:')))).toBe('refused')
    expect(outcome(() => parseSignatureInput(raw.replaceAll(/=\d/g, '=();created=1')))).toBe('refused')
    expect(outcome(() => parseSignatureKey(raw.replaceAll(/=\d/g, '=(scheme=jwt jwt="a")')))).toBe('refused')
  })
})

describe('keys', () => {
  const parsers: readonly (readonly [string, (key: string) => { label: string }])[] = [
    ['Signature', (key) => parseSignature(`${key}=:AAAA:`)],
    ['Signature-Input', (key) => parseSignatureInput(`${key}=();created=1`)],
    ['Signature-Key', (key) => parseSignatureKey(`${key}=(scheme=jwt jwt="a")`)],
  ]
  it.each(parsers)('%s accepts the keys that the suite accepts, and no others', (_name, parse) => {
    for (const { name, key, valid } of suite.keys) {
      const parsed = outcome(() => parse(key))
      if (valid) expect(parsed, name).toMatchObject({ value: { label: key } })
      else expect(parsed, name).toBe('refused')
    }
  })

  it('Signature-Input parameters accept the keys that the suite accepts, and no others', () => {
    for (const { name, key, valid } of suite.keys) {
      expect(outcome(() => parseSignatureInput(`sig1=();created=1;${key}=1`)) !== 'refused', name).toBe(valid)
    }
  })
})

describe('strings', () => {
  it('Agent-Auth accepts what the suite accepts, and fails when the suite fails', () => {
    for (const { name, raw, expected } of every(suite.item)) {
      const parsed = outcome(() => parseChallenge(`httpsig; auth-token; auth_server=${raw}`))
      if (expected === undefined) expect(parsed, name).toBe('refused')
      else expect(parsed, name).toEqual({ value: { level: 'authorization', authServer: expected } })
    }
  })

  it('Signature-Input fails when the suite fails', () => {
    for (const { name, raw } of mustFail(suite.item)) {
      expect(outcome(() => parseSignatureInput(`sig1=();created=1;tag=${raw}`)), name).toBe('refused')
    }
  })

  it('Signature-Key fails when the suite fails', () => {
    for (const { name, raw } of mustFail(suite.item)) {
      expect(outcome(() => parseSignatureKey(`sig1=(scheme=jwt jwt=${raw})`)), name).toBe('refused')
    }
  })
})

describe('tokens', () => {
  it('Agent-Auth accepts the tokens that the suite accepts, and no others', () => {
    for (const { name, raw, must_fail } of every(suite.token)) {
      expect(outcome(() => parseChallenge(`httpsig; other=${raw}`)) === 'refused', name).toBe(must_fail === true)
    }
  })

  it('Signature-Input fails when the suite fails', () => {
    for (const { name, raw } of mustFail(suite.token)) {
      expect(outcome(() => parseSignatureInput(`sig1=();created=1;other=${raw}`)), name).toBe('refused')
    }
  })
})
