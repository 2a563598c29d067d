/** What of a certificate's extensions (RFC 5280 §4.2) decides whether it may sign requests. */
export interface CertificateExtensions {
  /** dNSName entries of the subject alternative name, as they stand. */
  dnsNames: readonly string[]
  /** Whether the alternative name has entries of other kinds. */
  otherNames: boolean
  /** Bits of keyUsage, or undefined where the extension is absent: any use. */
  keyUsage: { digitalSignature: boolean; keyCertSign: boolean } | undefined
  basicConstraints: { ca: boolean; pathLength: number | undefined }
  /** Critical extensions that are not understood here: the certificate must be refused (RFC 5280 §4.2). */
  unknownCritical: readonly string[]
}

interface Element {
  tag: number
  content: Uint8Array
}

const oids = {
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  /** Understood by Node's own checks or without a say in what a request's signature means. */
  passedOver: ['551d25', '551d0e', '551d23', '551d20', '551d1f'],
} as const

/** Reads the extensions from a certificate's DER bytes; undefined when they are not well-formed. */
export function readCertificateExtensions(der: Uint8Array): CertificateExtensions | undefined {
  try {
    const [certificate] = elements(der)
    const [tbs] = elements(requireTag(certificate, 0x30))
    const wrapped = elements(requireTag(tbs, 0x30)).find(({ tag }) => tag === 0xa3)
    const list = wrapped ? elements(requireTag(elements(wrapped.content)[0], 0x30)) : []
    return read(list.map((extension) => elements(requireTag(extension, 0x30))))
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function read(extensions: readonly Element[][]): CertificateExtensions {
  let dnsNames: string[] = []
  let otherNames = false
  let keyUsage: CertificateExtensions['keyUsage']
  let basicConstraints: CertificateExtensions['basicConstraints'] = { ca: false, pathLength: undefined }
  const unknownCritical: string[] = []
  for (const parts of extensions) {
    const oid = Buffer.from(requireTag(parts[0], 0x06)).toString('hex')
    const critical = parts.length === 3 && requireTag(parts[1], 0x01)[0] === 0xff
    const value = requireTag(parts.at(-1), 0x04)
    if (oid === oids.keyUsage) {
      const bits = requireTag(elements(value)[0], 0x03)[1] ?? 0
      keyUsage = { digitalSignature: (bits & 0x80) !== 0, keyCertSign: (bits & 0x04) !== 0 }
    } else if (oid === oids.subjectAltName) {
      const names = elements(requireTag(elements(value)[0], 0x30))
      dnsNames = names.filter(({ tag }) => tag === 0x82).map(({ content }) => Buffer.from(content).toString('latin1'))
      otherNames = dnsNames.length !== names.length
    } else if (oid === oids.basicConstraints) {
      const [ca, pathLength] = elements(requireTag(elements(value)[0], 0x30))
      basicConstraints = { ca: ca?.tag === 0x01 && ca.content[0] === 0xff, pathLength: pathLength?.content[0] }
    } else if (critical && !(oids.passedOver as readonly string[]).includes(oid)) {
      unknownCritical.push(oid)
    }
  }
  return { dnsNames, otherNames, keyUsage, basicConstraints, unknownCritical }
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
