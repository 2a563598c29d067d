import { type AAuthError, createSigner, generatePrivateJwk } from 'countersign'
import { createResource } from 'countersign/resource'
import {
  importVerificationKey,
  parseEitherSignatureKey,
  parseSignatureKey,
  type SignatureKey,
  serializeSignatureKey,
  signRequest,
  verifySignature,
} from 'countersign/wire'
import { describe, expect, it } from 'vitest'
import { craftMessage, withHeader } from '../httpsig/crafted-message.js'
import { agentDocuments, documentFetch } from '../origins.js'
import { receivedMessage } from '../received-message.js'
import { refusal, refusalCode } from '../refusal.js'

const signer = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
const { x = '' } = signer.jwk
const agent = 'https://agent.example'
const jwt = 'eyJhbGciOiJFZERTQSJ9.e30.c2ln'
const now = 1_768_786_017

const pairs: readonly (readonly [string, string, string])[] = [
  ['hwk', `sig1=(scheme=hwk kty="OKP" crv="Ed25519" x="${x}")`, `sig1=hwk;kty="OKP";crv="Ed25519";x="${x}"`],
  [
    'jwks with well-known',
    `sig1=(scheme=jwks id="${agent}" kid="key-1" well-known="aauth-agent")`,
    `sig1=jwks;id="${agent}";kid="key-1";well-known="aauth-agent"`,
  ],
  ['jwks without well-known', `sig1=(scheme=jwks id="${agent}" kid="key-1")`, `sig1=jwks;id="${agent}";kid="key-1"`],
  ['jwks by URL', `a.b=(scheme=jwks jwks="${agent}/jwks" kid="1")`, `a.b=jwks;jwks="${agent}/jwks";kid="1"`],
  ['jwt', `sig=(scheme=jwt jwt="${jwt}")`, `sig=jwt;jwt="${jwt}"`],
  ['x509', `sig1=(scheme=x509 x5u="${agent}/c.pem" x5t="abc")`, `sig1=x509;x5u="${agent}/c.pem";x5t="abc"`],
]

describe('parseEitherSignatureKey', () => {
  it.each(pairs)('reads %s in both forms, with one meaning', (_name, january, later) => {
    const parsed = parseSignatureKey(january)
    expect(parseEitherSignatureKey(january)).toEqual(parsed)
    expect(parseEitherSignatureKey(later)).toEqual(parsed)
    expect(serializeSignatureKey(parsed.label, parsed.key)).toBe(january)
  })

  it.each(pairs)(
    'leaves the later form of %s to itself: the January parser refuses it',
    async (_name, _january, later) => {
      expect(await refusalCode(() => parseSignatureKey(later))).toBe('signature_malformed')
    },
  )

  const id = `id="${agent}";kid="key-1"`
  it.each<[string, string]>([
    ['both forms in one member', `sig1=(scheme=jwks);${id}`],
    ['the later form in the brackets of the January form', `sig1=(jwks;${id})`],
    ['the scheme as a parameter', `sig1=jwks;scheme="jwks";${id}`],
    ['a member of each form', `sig1=jwks;${id}, sig2=(scheme=jwt jwt="${jwt}")`],
    ['two members', `sig1=jwks;${id}, sig2=jwks;${id}`],
    ['the same member twice', `sig1=jwks;id="https://evil.example";kid="key-1", sig1=jwks;${id}`],
    ['no member', ''],
    ['a parameter twice', `sig1=jwks;id="https://evil.example";${id}`],
    ['a parameter twice, equal', `sig1=jwks;${id};kid="key-1"`],
    ['an escaped quote', `sig1=jwks;id="${agent}";kid="key\\"1"`],
    ['an escaped backslash', `sig1=jwks;id="${agent}";kid="key\\\\1"`],
    ['an escape that is none', `sig1=jwks;id="${agent}";kid="key\\1"`],
    ['a space after the semicolon', `sig1=jwks; ${id}`],
    ['a space before the semicolon', `sig1=jwks ;${id}`],
    ['a space around it', ` sig1=jwks;${id}`],
    ['a tab after it', `sig1=jwks;${id}\t`],
    ['a comma after it', `sig1=jwks;${id},`],
    ['a scheme that is a string', `sig1="jwks";${id}`],
    ['a scheme in capitals', `sig1=JWKS;${id}`],
    ['a scheme that is not known', `sig1=x;${id}`],
    ['a scheme named like a member of every object', `sig1=constructor;${id}`],
    ['no scheme', `sig1;${id}`],
    ['a label in capitals', `SIG1=jwks;${id}`],
    ['a label beyond 64 characters', `${'a'.repeat(65)}=jwks;${id}`],
    ['a parameter that is a token', `sig1=jwks;id=agent;kid="key-1"`],
    ['a parameter that is a number', `sig1=jwks;id="${agent}";kid=1`],
    ['a parameter that is bytes', `sig1=jwks;id="${agent}";kid=:MQ==:`],
    ['a parameter without value', `sig1=jwks;id="${agent}";kid`],
    ['a parameter that is empty', `sig1=jwks;id="${agent}";kid=""`],
    ['a parameter that its scheme does not know', `sig1=jwks;${id};x5u="${agent}"`],
    ['id and jwks together', `sig1=jwks;${id};jwks="${agent}/jwks"`],
    ['well-known without id', `sig1=jwks;jwks="${agent}/jwks";kid="1";well-known="aauth-agent"`],
    ['no kid', `sig1=jwks;id="${agent}"`],
    ['a value with a bracket', `sig1=jwks;id="${agent}";kid="(1)"`],
    ['more than 16 KiB', `sig1=jwt;jwt="${'a'.repeat(16_384)}"`],
  ])('refuses %s', async (_name, text) => {
    expect(await refusalCode(() => parseEitherSignatureKey(text))).toBe('signature_malformed')
  })

  it('refuses a header key that shows its private part, in both forms', async () => {
    for (const text of [`sig1=hwk;kty="OKP";crv="Ed25519";x="${x}";d="${x}"`, `sig1=(scheme=hwk kty="OKP" d="${x}")`]) {
      expect(await refusalCode(() => parseEitherSignatureKey(text))).toBe('key_invalid')
    }
  })
})

/** A message whose `Signature-Key` is the later form, signed over those bytes. */
async function laterMessage(later: string) {
  const crafted = await craftMessage({
    signer,
    created: now,
    authority: 'api.example',
    rewriteBase: (base) => base.replace(/"signature-key": .*/, `"signature-key": ${later}`),
  })
  return withHeader(crafted, 'signature-key', () => later)
}

describe('the later form of Signature-Key at a resource', () => {
  const later = `sig1=jwks;id="${agent}";kid="key-1";well-known="aauth-agent"`

  function resourceWith(interop: { signatureKeyForm?: 'january' | 'both' }) {
    const { fetch, asked } = documentFetch(agentDocuments(agent, [signer.jwk]))
    const resource = createResource({
      id: 'https://api.example',
      signer,
      authServer: 'https://auth.example',
      fetch,
      now: () => now,
      interop,
    })
    return { resource, asked }
  }

  it('is accepted where signatureKeyForm is both', async () => {
    const { resource } = resourceWith({ signatureKeyForm: 'both' })
    const message = receivedMessage(await laterMessage(later))
    expect(await resource.verify(message, { require: 'identity' })).toMatchObject({ agent })
  })

  it.each([{}, { signatureKeyForm: 'january' as const }])(
    'is refused with %o, and nothing is fetched',
    async (interop) => {
      const { resource, asked } = resourceWith(interop)
      const message = receivedMessage(await laterMessage(later))
      const error: AAuthError = await refusal(() => resource.verify(message, { require: 'identity' }))
      expect(error).toMatchObject({ code: 'signature_malformed', status: 401 })
      expect(asked).toEqual([])
    },
  )

  it('does not make the January form less welcome', async () => {
    const { resource } = resourceWith({ signatureKeyForm: 'both' })
    const signatureKey: SignatureKey = { scheme: 'jwks', id: agent, kid: 'key-1', wellKnown: 'aauth-agent' }
    const request = await signRequest(new Request('https://api.example/data'), { signer, signatureKey, created: now })
    expect(await resource.verify(request, { require: 'identity' })).toMatchObject({ agent })
  })

  it('is covered as it was received: the same meaning in the other form does not verify', async () => {
    const { resource } = resourceWith({ signatureKeyForm: 'both' })
    const january = `sig1=(scheme=jwks id="${agent}" kid="key-1" well-known="aauth-agent")`
    const message = receivedMessage(withHeader(await laterMessage(later), 'signature-key', () => january))
    expect(await refusalCode(() => resource.verify(message, { require: 'identity' }))).toBe('signature_mismatch')
  })

  it('is refused by verifySignature unless the parser of both is given', async () => {
    const message = receivedMessage(await laterMessage(`sig1=hwk;kty="OKP";crv="Ed25519";x="${x}"`))
    const options = {
      authorities: ['api.example'] as const,
      resolveKey: async () => ({ key: await importVerificationKey(signer.jwk) }),
      now: () => now,
      claimNonce: 'later' as const,
    }
    expect(await refusalCode(() => verifySignature(message, options))).toBe('signature_malformed')
    const verified = await verifySignature(message, { ...options, parseSignatureKey: parseEitherSignatureKey })
    expect(verified.signatureKey).toEqual({ scheme: 'hwk', jwk: { kty: 'OKP', crv: 'Ed25519', x } })
  })
})
