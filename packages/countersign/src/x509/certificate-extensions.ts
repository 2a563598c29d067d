import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  type Extension,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_nameConstraints,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_clientAuth,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  SubjectAlternativeName,
} from '@peculiar/asn1-x509'

/** The extensions of a certificate (RFC 5280 §4.2) that determine whether it may sign requests. */
export interface CertificateExtensions {
  /** dNSName entries of the subject alternative name, unchanged. */
  dnsNames: readonly string[]
  /** Whether the alternative name has entries of other types. */
  otherNames: boolean
  /** Bits of keyUsage. Undefined if the extension is absent, which allows any use. */
  keyUsage: { digitalSignature: boolean; keyCertSign: boolean } | undefined
  basicConstraints: { ca: boolean; pathLength: number | undefined }
  /** Whether extKeyUsage is absent, or includes a usage that is suitable for agents: TLS client, TLS server, or any. */
  fitsAgents: boolean
  /**
   * Whether any extension requires that the certificate be rejected: a critical extension that is not supported (RFC 5280 §4.2), or name
   * constraints.
   */
  unknownCritical: boolean
  /** Whether the issuer signed with a digest that is not collision-resistant: MD5 or SHA-1. */
  weakSignature: boolean
}

const understood: readonly string[] = [
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  // Node compares the key identifiers. Certificate policies and CRL addresses do not affect a request.
  id_ce_subjectKeyIdentifier,
  id_ce_authorityKeyIdentifier,
  id_ce_certificatePolicies,
  id_ce_cRLDistributionPoints,
]

const anyExtendedKeyUsage = '2.5.29.37.0'
const agentUsages: readonly string[] = [anyExtendedKeyUsage, id_kp_serverAuth, id_kp_clientAuth]

/** md5WithRSA, sha1WithRSA, the OIW identifier of sha1WithRSA, and ecdsa-with-SHA1. */
const weakSignatures = ['1.2.840.113549.1.1.4', '1.2.840.113549.1.1.5', '1.3.14.3.2.29', '1.2.840.10045.4.1']

/** Reads the extensions from a certificate's DER bytes. Undefined if they are not well-formed. */
export function readCertificateExtensions(der: Uint8Array): CertificateExtensions | undefined {
  try {
    const { tbsCertificate, signatureAlgorithm } = AsnConvert.parse(der, Certificate)
    const list = tbsCertificate.extensions ?? []
    const values = new Map(list.map((extension) => [extension.extnID, extension]))
    if (values.size < list.length) return undefined
    return { ...read(values), weakSignature: weakSignatures.includes(signatureAlgorithm.algorithm) }
  } catch (error) {
    // Any error that the parser throws is caused by the certificate.
    if (error instanceof Error) return undefined
    throw error
  }
}

function read(extensions: ReadonlyMap<string, Extension>): Omit<CertificateExtensions, 'weakSignature'> {
  function parsed<T>(id: string, type: new () => T): T | undefined {
    const extension = extensions.get(id)
    return extension && AsnConvert.parse(extension.extnValue.buffer, type)
  }
  const names = [...(parsed(id_ce_subjectAltName, SubjectAlternativeName) ?? [])]
  const dnsNames = names.map(({ dNSName }) => dNSName).filter((name) => name !== undefined)
  const usage = parsed(id_ce_keyUsage, KeyUsage)?.toNumber()
  const constraints = parsed(id_ce_basicConstraints, BasicConstraints)
  const usages = parsed(id_ce_extKeyUsage, ExtendedKeyUsage)
  return {
    dnsNames,
    otherNames: dnsNames.length !== names.length,
    keyUsage:
      usage === undefined
        ? undefined
        : {
            digitalSignature: (usage & KeyUsageFlags.digitalSignature) !== 0,
            keyCertSign: (usage & KeyUsageFlags.keyCertSign) !== 0,
          },
    basicConstraints: { ca: constraints?.cA ?? false, pathLength: requireLength(constraints?.pathLenConstraint) },
    fitsAgents: usages?.some((id) => agentUsages.includes(id)) ?? true,
    // Name constraints are rejected even if they are not critical. Otherwise, names that violate them would be accepted.
    unknownCritical:
      extensions.has(id_ce_nameConstraints) ||
      [...extensions.values()].some(({ extnID, critical }) => critical && !understood.includes(extnID)),
  }
}

/** The parser returns integers of many bytes as text. */
function requireLength(length: unknown): number | undefined {
  if (length === undefined || (typeof length === 'number' && length >= 0)) return length
  throw new RangeError('pathLenConstraint is negative or too large')
}
