import { type KeyObject, X509Certificate } from 'node:crypto'
import { type CertificateExtensions, readCertificateExtensions } from './certificate-extensions.js'

/** Maximum length of a chain, including the leaf. */
const maxChain = 5

/** The part of a chain that leads to a root, and the earliest expiry among its certificates. */
export interface VerifiedChain {
  /** The certificates, with the leaf first. The root is not included, unless it is the leaf. */
  path: readonly [X509Certificate, ...X509Certificate[]]
  /** The extensions of the leaf. */
  extensions: CertificateExtensions
  /** Unix seconds. */
  validUntil: number
}

interface Link {
  certificate: X509Certificate
  extensions: CertificateExtensions
}

/**
 * Splits PEM certificates, with the leaf first. Undefined if there are none or too many, or if any cannot be parsed. Text around them is
 * ignored (RFC 7468 §2).
 *
 * @param limit the maximum number of certificates
 */
export function parseCertificates(pem: string, limit: number = maxChain): X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  const begun = pem.split('-----BEGIN CERTIFICATE-----').length - 1
  if (blocks.length === 0 || blocks.length > limit || blocks.length !== begun) return undefined
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

/**
 * Verifies a chain from its leaf to one of the roots (RFC 5280 §6.1): signatures, names, validity, `cA`, path length and key usage.
 * Certificates that are not on the path are ignored. Name constraints are not evaluated: a certificate that has them is rejected.
 */
export function verifyCertificateChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number,
): VerifiedChain | { refusal: string } {
  const [first] = chain
  if (!first) return { refusal: 'there is no certificate' }
  const leaf = toLink(first, now)
  if ('refusal' in leaf) return leaf
  const { keyUsage, fitsAgents } = leaf.extensions
  if ((keyUsage && !keyUsage.digitalSignature) || !fitsAgents)
    return { refusal: 'the key usage or extended key usage of the certificate does not allow an agent to sign' }
  const path: [X509Certificate, ...X509Certificate[]] = [first]
  let validUntil = endOf(first)
  for (let link: Link = leaf; ; ) {
    const { certificate, extensions } = link
    if (roots.some((root) => root.raw.equals(certificate.raw))) return { path, extensions: leaf.extensions, validUntil }
    if (extensions.weakSignature) return { refusal: 'a certificate is signed with a broken digest algorithm' }
    const below = path.length - 1
    const root = roots.find((candidate) => isIssuedBy(certificate, candidate))
    const next = root ?? chain[path.length]
    if (!next) break
    // The operator configures the roots, so callers do not control the cost of their keys.
    if (!root && isCostly(next)) return { refusal: 'an issuer has an RSA key that is too expensive to verify with' }
    if (!isIssuedBy(certificate, next)) break
    const issuer = toLink(next, now)
    if ('refusal' in issuer) return issuer
    if (!mayIssue(issuer.extensions, below)) return { refusal: 'an issuer is not allowed to issue such a certificate' }
    validUntil = Math.min(validUntil, endOf(next))
    if (root) return { path, extensions: leaf.extensions, validUntil }
    path.push(next)
    link = issuer
  }
  return { refusal: 'the chain does not lead to a configured root' }
}

function toLink(certificate: X509Certificate, now: number): Link | { refusal: string } {
  const extensions = readCertificateExtensions(certificate.raw)
  if (!extensions) return { refusal: 'a certificate is not well-formed' }
  if (extensions.unknownCritical)
    return { refusal: 'a certificate has name constraints, or an unsupported critical extension' }
  if (now < Date.parse(certificate.validFrom) / 1000 || !(now < endOf(certificate)))
    return { refusal: 'a certificate is not valid at this time' }
  return { certificate, extensions }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  const key = publicKeyOf(issuer)
  return key !== undefined && certificate.checkIssued(issuer) && certificate.verify(key)
}

/** Whether the key is an RSA key of more than 4096 bits, or with an exponent of more than 32 bits. */
function isCostly(certificate: X509Certificate): boolean {
  const { modulusLength = 0, publicExponent = 0n } = publicKeyOf(certificate)?.asymmetricKeyDetails ?? {}
  return modulusLength > 4096 || publicExponent >= 2n ** 32n
}

/** The certificate's key. Undefined if Node does not support its type: chains are untrusted input. */
export function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

/** @param below number of intermediate certificates between this one and the leaf */
function mayIssue({ basicConstraints, keyUsage }: CertificateExtensions, below: number): boolean {
  const { ca, pathLength } = basicConstraints
  return ca && (pathLength === undefined || pathLength >= below) && (keyUsage === undefined || keyUsage.keyCertSign)
}

/** Unix seconds. The last second itself is still valid (RFC 5280 §4.1.2.5). */
function endOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo) / 1000 + 1
}
