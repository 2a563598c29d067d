import { execFileSync } from 'node:child_process'
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { createSigner, type PrivateJwk, type Signer } from 'countersign'
import { need } from '../../../../test/needs.js'

/** A certificate with its key. */
export interface Issued {
  pem: string
  /** Its `x5t` value. */
  thumbprint: string
  privateKey: KeyObject
}

export interface CertificateParts {
  /** Common name, shown in failure messages. */
  name: string
  /** If missing, the certificate is self-signed. */
  issuer?: Issued
  /** Lines of an OpenSSL extension section. */
  extensions?: readonly string[]
  keys?: () => { publicKey: KeyObject; privateKey: KeyObject }
  digest?: 'sha256' | 'sha1'
  days?: number
}

export const keyKinds = {
  ed25519: () => generateKeyPairSync('ed25519'),
  'ecdsa-p256-sha256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'rsa-pss-sha512': () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  rsa1024: () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  p384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  brainpool: () => generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }),
  rsaPss: () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  rsaOf4096Bits: () => rsaBy('rsa_keygen_bits:4096', 'rsa_keygen_primes:4'),
  rsaOf4104Bits: () => rsaBy('rsa_keygen_bits:4104', 'rsa_keygen_primes:4'),
  rsaWithLongExponent: () => rsaBy('rsa_keygen_bits:2048', 'rsa_keygen_pubexp:4294967297'),
  ed448: () => generateKeyPairSync('ed448'),
} as const

/** A key with properties for which Node has no option; made of several primes, so that it is generated quickly. */
function rsaBy(...options: string[]): { publicKey: KeyObject; privateKey: KeyObject } {
  if (!need('openssl')) return generateKeyPairSync('ed25519')
  const args = ['genpkey', '-algorithm', 'RSA', ...options.flatMap((option) => ['-pkeyopt', option])]
  const privateKey = createPrivateKey(execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] }))
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

/** A certificate that ships with Node. */
function issuedBefore(): Omit<Issued, 'privateKey'> {
  const [pem = ''] = rootCertificates
  return { pem, thumbprint: thumbprintOf(pem) }
}

/** Issues a certificate with the openssl command, so that none of our own code generates what our parser reads. */
export function issueCertificate({
  name,
  issuer,
  extensions = [],
  keys = keyKinds.ed25519,
  digest = 'sha256',
  days = 365,
}: CertificateParts): Issued {
  // Without openssl no test uses it, but test files evaluate it when they load.
  if (!need('openssl')) return { ...issuedBefore(), privateKey: keys().privateKey }
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'))
  const file = (base: string, text: string) => {
    const path = join(folder, base)
    writeFileSync(path, text)
    return path
  }
  try {
    const { privateKey } = keys()
    const config = `[req]\ndistinguished_name=names\n[names]\n[extensions]\n${extensions.join('\n')}\n`
    const out = join(folder, 'certificate.pem')
    const args = ['req', '-x509', '-new', '-key', file('key.pem', pemOf(privateKey)), '-subj', `/CN=${name}`]
    const lasting = ['-days', String(days), `-${digest}`, '-config', file('openssl.cnf', config), '-out', out]
    const signing = issuer
      ? ['-CA', file('issuer.pem', issuer.pem), '-CAkey', file('issuer-key.pem', pemOf(issuer.privateKey))]
      : []
    execFileSync('openssl', [...args, ...lasting, '-extensions', 'extensions', ...signing], { stdio: 'pipe' })
    const pem = readFileSync(out, 'utf8')
    return { pem, thumbprint: thumbprintOf(pem), privateKey }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The certificate's DER bytes encoded as PEM again, after a change. */
export function withBytes(pem: string, change: (der: Buffer) => Buffer): string {
  const lines =
    change(Buffer.from(new X509Certificate(pem).raw))
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

export function thumbprintOf(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url')
}

/** Signs with the key of a certificate. */
export async function signerOf({ privateKey }: Issued): Promise<Signer> {
  return createSigner(privateKey.export({ format: 'jwk' }) as PrivateJwk)
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}
