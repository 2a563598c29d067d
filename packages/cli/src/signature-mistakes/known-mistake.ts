import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Algorithm, ReceivedMessage } from 'countersign'
import {
  fieldValues,
  parseSignature,
  type SignatureInput,
  serializeSignatureBase,
  type VerificationKey,
  verifyBytes,
} from 'countersign/signatures'

/** Incorrect signature bases that signers are known to build, with the message for each. */
const mistakes: readonly { says: string; bases: (base: string, source: SignatureBaseSource) => string[] }[] = [
  {
    says: 'It was signed over a signature base without the last line, "@signature-params", which RFC 9421 §2.5 requires.',
    bases: (base) => {
      const lines = base.slice(0, base.lastIndexOf('\n'))
      return [lines, `${lines}\n`]
    },
  },
  {
    says: 'It was signed over a signature base with a trailing line feed, which RFC 9421 §2.5 does not allow.',
    bases: (base) => [`${base}\n`],
  },
  {
    says: 'It was signed for the authority in its Host header: sign the authority by which the server is known.',
    bases: (_, source) =>
      fieldValues(source.message, 'host').flatMap((host) => {
        const other = signatureBaseOf({ ...source, authority: host.toLowerCase() })
        return typeof other === 'string' ? [other] : []
      }),
  },
]

/** Returns the mistake in a signature, the member of `Signature`, if it is one that signers are known to make. */
export async function knownMistake(
  { signature: member, ...source }: SignatureBaseSource & { signature: string },
  key: VerificationKey,
): Promise<string | undefined> {
  const base = signatureBaseOf(source)
  if (typeof base !== 'string') return undefined
  const { signature } = parseSignature(member)
  const form = signatureFormMistake(key, signature, base)
  if (form !== undefined) return form
  for (const { says, bases } of mistakes) {
    for (const other of bases(base, source)) if (await verifyBytes(key, signature, other)) return says
  }
  return undefined
}

/** Mistakes in creating a signature with the correct key. */
interface OtherForm {
  says: string
  isMade: (key: KeyObject, signature: Uint8Array, base: Uint8Array) => boolean
}

const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_AUTO } = constants
const hashes = ['sha512', 'sha256', 'sha384', 'sha1'] as const

const pss =
  (hash: string): OtherForm['isMade'] =>
  (key, signature, base) =>
    verify(hash, base, { key, padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_AUTO }, signature)

const otherForms: Readonly<Record<Algorithm, readonly OtherForm[]>> = {
  ed25519: [],
  'ecdsa-p256-sha256': [
    {
      says: 'The signature is in DER format: RFC 9421 §3.3.4 requires r and s, 32 bytes each (ieee-p1363, or P1363 format).',
      isMade: (key, signature, base) => verify('sha256', base, { key, dsaEncoding: 'der' }, signature),
    },
    {
      says: 'It was signed with SHA-512: the algorithm of a P-256 key is ecdsa-p256-sha256 (RFC 9421 §3.3.4).',
      isMade: (key, signature, base) => verify('sha512', base, { key, dsaEncoding: 'ieee-p1363' }, signature),
    },
  ],
  'rsa-pss-sha512': [
    {
      says: 'It was signed with RSA-PSS, but with the wrong salt length: the salt must be 64 bytes long (RFC 9421 §3.3.1).',
      isMade: pss('sha512'),
    },
    ...hashes.slice(1).map(
      (hash): OtherForm => ({
        says: `It was signed with RSA-PSS over ${hash}: the algorithm of an RSA key is rsa-pss-sha512 (RFC 9421 §3.3.1).`,
        isMade: pss(hash),
      }),
    ),
    ...hashes.map(
      (hash): OtherForm => ({
        says: `It was signed with RSASSA-PKCS1-v1_5 over ${hash}: the algorithm of an RSA key is rsa-pss-sha512 (RFC 9421 §3.3.1).`,
        isMade: (key, signature, base) => verify(hash, base, { key, padding: RSA_PKCS1_PADDING }, signature),
      }),
    ),
  ],
}

/** Returns what is wrong with the format of a signature that does not verify; undefined if the format is correct. */
function signatureFormMistake(
  { algorithm, jwk }: VerificationKey,
  signature: Uint8Array,
  base: string,
): string | undefined {
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
  const bytes = Buffer.from(base, 'latin1')
  const other = otherForms[algorithm].find(({ isMade }) => isMade(key, signature, bytes))
  if (other) return other.says
  const length = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 512) / 8)
  if (signature.length === length) return undefined
  return `The signature is ${signature.length} bytes long, but signatures by this key (${algorithm}) must have ${length} bytes: the signature may have been truncated, or encoded twice.`
}

interface SignatureBaseSource {
  message: ReceivedMessage
  authority: string
  input: SignatureInput
}

/** Returns the exact signature base that a verifier builds for a message, or the components for which no line can be built. */
export function signatureBaseOf({ message, authority, input }: SignatureBaseSource): string | { missing: string[] } {
  const { rawTarget } = message
  const mark = rawTarget.indexOf('?')
  const derived: Readonly<Record<string, string>> = {
    '@method': message.method,
    '@authority': authority,
    '@path': mark === -1 ? rawTarget : rawTarget.slice(0, mark),
    '@query': mark === -1 ? '?' : rawTarget.slice(mark),
  }
  const read = (component: string): string | undefined => {
    if (component.startsWith('@')) return Object.hasOwn(derived, component) ? derived[component] : undefined
    const values = fieldValues(message, component)
    const value = values.join(', ')
    return values.length > 0 && /^[\t\x20-\x7e]*$/.test(value) ? value : undefined
  }
  const missing = input.components.filter((component) => read(component) === undefined)
  if (missing.length > 0) return { missing }
  return serializeSignatureBase(
    input.components,
    input.components.map((component) => read(component) ?? ''),
    input.parameters,
  )
}
