import { X509Certificate } from 'node:crypto'
import { type CertificateExtensions, readCertificateExtensions } from './certificate-extensions.js'

/** Longest chain that is followed, the leaf included. */
const maxChain = 5

/** The first certificate of a chain that leads to a root, and when the first of them all ends. */
export interface VerifiedChain {
  leaf: X509Certificate
  extensions: CertificateExtensions
  /** Unix seconds. */
  validUntil: number
}

interface Link {
  certificate: X509Certificate
  extensions: CertificateExtensions
}

/** Takes PEM certificates apart, the leaf first; undefined when there is none, too many, or one that cannot be read. */
export function parseCertificateChain(pem: string): X509Certificate[] | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0 || blocks.length > maxChain) return undefined
  try {
    return blocks.map((block) => new X509Certificate(block))
  } catch (error) {
    if (error instanceof Error) return undefined
    throw error
  }
}

/**
 * Follows a chain from its leaf to one of the roots (RFC 5280 §6.1): signatures, names, validity, `cA`, path length and
 * key usage; critical extensions that are not understood refuse it. Names constraints are not evaluated: they are
 * critical where they matter, and so refused.
 */
export function verifyCertificateChain(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
  now: number,
): VerifiedChain | { refusal: string } {
  const links: Link[] = []
  for (const certificate of chain) {
    const extensions = readCertificateExtensions(certificate.raw)
    if (!extensions) return { refusal: 'a certificate is not well-formed' }
    if (extensions.unknownCritical.length > 0)
      return { refusal: 'a certificate has a critical extension that is not understood' }
    if (!isValidAt(certificate, now)) return { refusal: 'a certificate is not valid at this time' }
    links.push({ certificate, extensions })
  }
  const [leaf] = links
  if (!leaf) return { refusal: 'there is no certificate' }
  if (leaf.extensions.keyUsage && !leaf.extensions.keyUsage.digitalSignature) {
    return { refusal: 'the key usage of the certificate is not signing' }
  }
  for (const [index, { certificate }] of links.entries()) {
    const root = roots.find((candidate) => isIssuedBy(certificate, candidate) || candidate.raw.equals(certificate.raw))
    if (root) {
      if (!isValidAt(root, now)) return { refusal: 'the root is not valid at this time' }
      const ends = [...links.slice(0, index + 1).map((link) => link.certificate), root].map(
        ({ validTo }) => Date.parse(validTo) / 1000,
      )
      return { leaf: leaf.certificate, extensions: leaf.extensions, validUntil: Math.min(...ends) }
    }
    const issuer = links[index + 1]
    if (!issuer || !mayIssue(issuer.extensions, index) || !isIssuedBy(certificate, issuer.certificate)) break
  }
  return { refusal: 'the chain leads to none of the configured roots' }
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** @param below how many intermediate certificates stand between it and the leaf */
function mayIssue({ basicConstraints, keyUsage }: CertificateExtensions, below: number): boolean {
  const { ca, pathLength } = basicConstraints
  return ca && (pathLength === undefined || pathLength >= below) && (keyUsage === undefined || keyUsage.keyCertSign)
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: number): boolean {
  return Date.parse(validFrom) / 1000 <= now && now < Date.parse(validTo) / 1000
}
