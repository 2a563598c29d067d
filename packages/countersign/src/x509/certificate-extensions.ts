/** What of a certificate's extensions (RFC 5280 §4.2) decides whether it may sign requests. */
export interface CertificateExtensions {
  /** dNSName entries of the subject alternative name, as they stand. */
  dnsNames: readonly string[]
  /** Whether the alternative name has entries of other kinds. */
  otherNames: boolean
  /** Bits of keyUsage, or undefined where the extension is absent: any use. */
  keyUsage: { digitalSignature: boolean; keyCertSign: boolean } | undefined
  basicConstraints: { ca: boolean; pathLength: number | undefined }
  /** Whether extKeyUsage is absent, or names what agents do: TLS as client or server, or anything. */
  fitsAgents: boolean
  /** Whether there is an extension for which the certificate must be refused: critical and not understood (RFC 5280 §4.2), or constraints on names. */
  unknownCritical: boolean
  /** Whether the issuer signed with a digest in which others can be made to collide: MD5 or SHA-1. */
  weakSignature: boolean
}

interface Element {
  tag: number
  content: Uint8Array
}

const oids = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
  /** Refused even where it is not critical: it would be passed over, and names outside it accepted. */
  nameConstraints: '551d1e',
  /** Identifiers of keys, which Node compares; policies and addresses of lists, which say nothing about a request. */
  passedOver: ['551d0e', '551d23', '551d20', '551d1f'],
  /** anyExtendedKeyUsage, serverAuth, clientAuth. */
  agentUsages: ['551d2500', '2b06010505070301', '2b06010505070302'],
  /** md5WithRSA, sha1WithRSA, the OIW name of the latter, ecdsa-with-SHA1. */
  weakSignatures: ['2a864886f70d010104', '2a864886f70d010105', '2b0e03021d', '2a8648ce3d0401'],
} as const satisfies Record<string, string | readonly string[]>

/** Reads the extensions from a certificate's DER bytes; undefined when they are not well-formed. */
export function readCertificateExtensions(der: Uint8Array): CertificateExtensions | undefined {
  try {
    const [certificate] = elements(der)
    const [tbs, algorithm] = elements(requireTag(certificate, 0x30))
    const wrapped = elements(requireTag(tbs, 0x30)).find(({ tag }) => tag === 0xa3)
    const list = wrapped ? elements(requireTag(elements(wrapped.content)[0], 0x30)) : []
    const values = new Map<string, { critical: boolean; value: Uint8Array }>()
    for (const extension of list) {
      const parts = elements(requireTag(extension, 0x30))
      const oid = oidOf(parts[0])
      if (values.has(oid)) throw new RangeError('an extension that is there twice')
      const critical = parts.length === 3 && requireTag(parts[1], 0x01)[0] !== 0
      values.set(oid, { critical, value: requireTag(parts.at(-1), 0x04) })
    }
    const signature = oidOf(elements(requireTag(algorithm, 0x30))[0])
    return { ...read(values), weakSignature: isOneOf(oids.weakSignatures, signature) }
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function read(
  extensions: ReadonlyMap<string, { critical: boolean; value: Uint8Array }>,
): Omit<CertificateExtensions, 'weakSignature'> {
  const sequenceOf = (oid: string) => {
    const extension = extensions.get(oid)
    return extension && elements(requireTag(elements(extension.value)[0], 0x30))
  }
  const names = sequenceOf(oids.subjectAltName) ?? []
  const dnsNames = names.filter(({ tag }) => tag === 0x82).map(({ content }) => Buffer.from(content).toString('latin1'))
  const usages = sequenceOf(oids.extendedKeyUsage)
  const [ca, pathLength] = sequenceOf(oids.basicConstraints) ?? []
  const understood: readonly string[] = [
    oids.keyUsage,
    oids.subjectAltName,
    oids.basicConstraints,
    oids.extendedKeyUsage,
    ...oids.passedOver,
  ]
  return {
    dnsNames,
    otherNames: dnsNames.length !== names.length,
    keyUsage: readKeyUsage(extensions.get(oids.keyUsage)?.value),
    basicConstraints: { ca: ca?.tag === 0x01 && ca.content[0] !== 0, pathLength: readPathLength(pathLength) },
    fitsAgents: usages === undefined || usages.some((usage) => isOneOf(oids.agentUsages, oidOf(usage))),
    unknownCritical:
      extensions.has(oids.nameConstraints) ||
      [...extensions].some(([oid, { critical }]) => critical && !understood.includes(oid)),
  }
}

function readKeyUsage(value: Uint8Array | undefined): CertificateExtensions['keyUsage'] {
  if (value === undefined) return undefined
  const bits = requireTag(elements(value)[0], 0x03)[1] ?? 0
  return { digitalSignature: (bits & 0x80) !== 0, keyCertSign: (bits & 0x04) !== 0 }
}

function readPathLength(element: Element | undefined): number | undefined {
  if (element === undefined) return undefined
  const [first = 0x80, ...rest] = requireTag(element, 0x02)
  if (first >= 0x80 || rest.length > 3) throw new RangeError('a path length that is negative or beyond reason')
  return rest.reduce((length, byte) => length * 256 + byte, first)
}

function oidOf(element: Element | undefined): string {
  return Buffer.from(requireTag(element, 0x06)).toString('hex')
}

function isOneOf(known: readonly string[], oid: string): boolean {
  return known.includes(oid)
}

function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = []
  let at = 0
  while (at < bytes.length) {
    const tag = byteAt(bytes, at)
    let length = byteAt(bytes, at + 1)
    at += 2
    if (length > 0x80) {
      const digits = length & 0x7f
      if (digits > 3) throw new RangeError('a DER length of more than three bytes')
      length = 0
      for (let i = 0; i < digits; i++) length = length * 256 + byteAt(bytes, at + i)
      at += digits
    } else if (length === 0x80) {
      throw new RangeError('an indefinite length, which DER does not have')
    }
    if (at + length > bytes.length) throw new RangeError('a DER element that is cut')
    found.push({ tag, content: bytes.subarray(at, at + length) })
    at += length
  }
  return found
}

function byteAt(bytes: Uint8Array, index: number): number {
  const byte = bytes[index]
  if (byte === undefined) throw new RangeError('DER that is cut')
  return byte
}

function requireTag(element: Element | undefined, tag: number): Uint8Array {
  if (element?.tag !== tag) throw new RangeError('another DER element than expected')
  return element.content
}
