import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { Algorithm } from 'countersign'
import type { VerificationKey } from 'countersign/wire'

/** Mistakes in making a signature with the right key. */
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
      says: 'The signature is in DER: RFC 9421 §3.3.4 takes r and s, 32 bytes each (ieee-p1363, or P1363 format).',
      isMade: (key, signature, base) => verify('sha256', base, { key, dsaEncoding: 'der' }, signature),
    },
    {
      says: 'It was signed with SHA-512: the algorithm of a P-256 key is ecdsa-p256-sha256 (RFC 9421 §3.3.4).',
      isMade: (key, signature, base) => verify('sha512', base, { key, dsaEncoding: 'ieee-p1363' }, signature),
    },
  ],
  'rsa-pss-sha512': [
    {
      says: 'It was signed with RSA-PSS and a salt of another length: it must have 64 bytes (RFC 9421 §3.3.1).',
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

/** What is wrong with the form of a signature that does not verify; undefined: nothing. */
export function signatureFormMistake(
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
  return `The signature has ${signature.length} bytes, and one by this key (${algorithm}) has ${length}: it was cut, or encoded twice.`
}
