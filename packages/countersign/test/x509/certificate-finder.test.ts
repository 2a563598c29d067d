import { X509Certificate } from 'node:crypto'
import { createSigner, type FetchDocument, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { createResource, type ResourceOptions } from 'countersign/resource'
import { type KeyReference, signRequest } from 'countersign/signatures'
import { type CertificateFinderOptions, createCertificateFinder } from 'countersign/x509'
import { describe, expect, it } from 'vitest'
import { needInFile } from '../../../../test/needs.js'
import { refusal, refusalCode } from '../refusal.js'
import {
  type CertificateParts,
  type Issued,
  issueCertificate,
  keyKinds,
  signerOf,
  thumbprintOf,
  withBytes,
} from './certificates.js'

const ca = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign']
const agentName = ['subjectAltName=DNS:agent.example', 'keyUsage=critical,digitalSignature']
const x5u = 'https://agent.example/chain.pem'

needInFile('openssl')
const root = issueCertificate({ name: 'root', extensions: ca, days: 4000 })
const otherRoot = issueCertificate({ name: 'root', extensions: ca })
const intermediate = issueCertificate({ name: 'intermediate', issuer: root, extensions: ca })
const leaf = issueLeaf()
const underIntermediate = issueLeaf({ issuer: intermediate })
// Later than the start of every certificate issued here.
const now = Math.floor(Date.now() / 1000) + 300
const leafEnd = Date.parse(new X509Certificate(leaf.pem).validTo) / 1000

function issueLeaf(parts: Partial<CertificateParts> = {}): Issued {
  return issueCertificate({ name: 'leaf', issuer: root, extensions: agentName, ...parts })
}

function canBeRead(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0
  } catch {
    return false
  }
}

function finderOver(pem: string, options: Partial<CertificateFinderOptions> = {}) {
  const asked: string[] = []
  const documents = new Map([[x5u, pem]])
  const fetch: FetchDocument = async (url) => {
    asked.push(url)
    const document = documents.get(url)
    return document === undefined ? new Response('', { status: 404 }) : new Response(document)
  }
  const find = createCertificateFinder({
    roots: [root.pem],
    now: () => now,
    fetch,
    failureTime: 'shortest',
    ...options,
  })
  return { find, asked, documents }
}

/** The finder's result for a chain, the leaf first: the agent, or the reason for rejection. */
async function answerFor(
  chain: readonly [Issued, ...Issued[]],
  options: Partial<CertificateFinderOptions> = {},
): Promise<string> {
  const { find } = finderOver(chain.map(({ pem }) => pem).join(''), options)
  const outcome = await find({ x5u, x5t: chain[0].thumbprint })
  return 'found' in outcome ? outcome.found.agent : outcome.failure.message
}

describe('a certificate that chains to a configured root', () => {
  it.each(['ed25519', 'ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)(
    'yields its %s key and its dNSName',
    async (kind) => {
      const issued = issueLeaf({ keys: keyKinds[kind] })
      const { find } = finderOver(issued.pem)
      const outcome = await find({ x5u, x5t: issued.thumbprint })
      const { thumbprint } = await signerOf(issued)
      expect(outcome).toMatchObject({ found: { agent: 'https://agent.example', key: { algorithm: kind, thumbprint } } })
    },
  )

  it.each(['ecdsa-p256-sha256', 'rsa-pss-sha512'] as const)('may be issued with a key for %s', async (kind) => {
    const issuer = issueCertificate({ name: 'root', extensions: ca, keys: keyKinds[kind] })
    expect(await answerFor([issueLeaf({ issuer })], { roots: [issuer.pem] })).toBe('https://agent.example')
  })

  it.each<[string, readonly [Issued, ...Issued[]], Partial<CertificateFinderOptions>?]>([
    ['through an intermediate', [underIntermediate, intermediate]],
    ['with the root included', [underIntermediate, intermediate, root]],
    ['with unrelated certificates included', [leaf, otherRoot]],
    ['if it is configured as a root itself', [leaf], { roots: [leaf.pem] }],
    ['under one of several roots', [leaf], { roots: [otherRoot.pem, root.pem] }],
    ['under one of several roots in one text', [leaf], { roots: [otherRoot.pem + root.pem] }],
    ['with no key usage, which allows any', [issueLeaf({ extensions: ['subjectAltName=DNS:agent.example'] })]],
    ['for TLS servers', [issueLeaf({ extensions: [...agentName, 'extendedKeyUsage=critical,serverAuth'] })]],
    ['for TLS clients', [issueLeaf({ extensions: [...agentName, 'extendedKeyUsage=clientAuth,emailProtection'] })]],
    ['in its last second', [leaf], { now: () => leafEnd }],
  ])('is accepted %s', async (_name, chain, options) => {
    expect(await answerFor(chain, options)).toBe('https://agent.example')
  })

  it('is accepted if its path length is not exceeded', async () => {
    const outer = issueCertificate({
      name: 'outer',
      issuer: root,
      extensions: ['basicConstraints=critical,CA:TRUE,pathlen:1', 'keyUsage=keyCertSign'],
    })
    const inner = issueCertificate({
      name: 'inner',
      issuer: outer,
      extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=keyCertSign'],
    })
    expect(await answerFor([issueLeaf({ issuer: inner }), inner, outer])).toBe('https://agent.example')
    const long = ['basicConstraints=critical,CA:TRUE,pathlen:300']
    const wide = issueCertificate({ name: 'wide', issuer: root, extensions: long })
    expect(await answerFor([issueLeaf({ issuer: wide }), wide])).toBe('https://agent.example')
  })
})

const unrelated = issueCertificate({ name: 'unrelated', extensions: agentName })
const shortRoot = issueCertificate({ name: 'short root', extensions: ca, days: 1 })
const underShort = issueLeaf({ issuer: shortRoot })
const weakIssuer = issueCertificate({ name: 'root', extensions: ca, keys: keyKinds['rsa-pss-sha512'] })

/** Renames the extension 1.2.3.5 to 1.2.3.4, which is there already. */
function withTwice(issued: Issued): Issued {
  const pem = withBytes(issued.pem, (der) => {
    const at = der.indexOf(Buffer.from('06032a0305', 'hex'))
    return Buffer.concat([der.subarray(0, at), Buffer.from('06032a0304', 'hex'), der.subarray(at + 5)])
  })
  return { ...issued, pem, thumbprint: thumbprintOf(pem) }
}

function withIntermediate(extensions: readonly string[]): readonly [Issued, Issued] {
  const issuer = issueCertificate({ name: 'intermediate', issuer: root, extensions })
  return [issueLeaf({ issuer }), issuer]
}

function named(...names: readonly string[]): readonly [Issued] {
  return [issueLeaf({ extensions: [`subjectAltName=${names.join(',')}`] })]
}

describe('rejects a certificate', () => {
  it.each<[string, readonly [Issued, ...Issued[]], RegExp, Partial<CertificateFinderOptions>?]>([
    [
      'that chains to another root of the same name',
      [leaf],
      /does not lead to a configured root/,
      { roots: [otherRoot.pem] },
    ],
    ['that is self-signed', [unrelated], /does not lead to a configured root/],
    ['whose intermediate is missing', [underIntermediate], /does not lead to a configured root/],
    ['whose chain is out of order', [underIntermediate, root, intermediate], /does not lead to a configured root/],
    ['that has expired', [leaf], /not valid at this time/, { now: () => leafEnd + 1 }],
    ['that is not yet valid', [leaf], /not valid at this time/, { now: () => now - 86_400 }],
    [
      'whose root has expired',
      [underShort],
      /not valid at this time/,
      { roots: [shortRoot.pem], now: () => now + 2 * 86_400 },
    ],
    ['with two dNSNames', named('DNS:agent.example', 'DNS:other.example'), /exactly one name/],
    ['with the same dNSName twice', named('DNS:agent.example', 'DNS:agent.example'), /exactly one name/],
    ['with no alternative name', [issueLeaf({ extensions: [] })], /exactly one name/],
    [
      'whose alternative name has another form',
      [issueLeaf({ extensions: ['subjectAltName=DER:0500'] })],
      /^a certificate is not well-formed$/,
    ],
    [
      'with a negative path length',
      [issueLeaf({ extensions: [...agentName, 'basicConstraints=DER:30060101ff0201ff'] })],
      /^a certificate is not well-formed$/,
    ],
    [
      'with a path length of 64 bits',
      withIntermediate(['basicConstraints=critical,DER:300e0101ff0209008000000000000000']),
      /^a certificate is not well-formed$/,
    ],
    ['with an address next to the dNSName', named('DNS:agent.example', 'IP:192.0.2.1'), /exactly one name/],
    ['with a URI next to the dNSName', named('DNS:agent.example', 'URI:https://x.example'), /exactly one name/],
    ['with only an email address', named('email:a@agent.example'), /exactly one name/],
    ['with only a URI', named('URI:https://agent.example'), /exactly one name/],
    ['with a wildcard', named('DNS:*.agent.example'), /not the host of a valid identifier/],
    ['with an uppercase dNSName', named('DNS:Agent.example'), /not the host of a valid identifier/],
    ['with a dNSName that is an address', named('DNS:127.0.0.1'), /not the host of a valid identifier/],
    ['with a dNSName that contains a path', named('DNS:agent.example/x'), /not the host of a valid identifier/],
    ['with a dNSName that contains a port', named('DNS:agent.example\\:8443'), /not the host of a valid identifier/],
    [
      'whose key usage does not include digitalSignature',
      [issueLeaf({ extensions: ['subjectAltName=DNS:agent.example', 'keyUsage=keyEncipherment,keyAgreement'] })],
      /key usage/,
    ],
    [
      'only for signing certificates',
      [issueLeaf({ extensions: ['subjectAltName=DNS:agent.example', 'keyUsage=keyCertSign,cRLSign'] })],
      /key usage/,
    ],
    [
      'with the same extension twice',
      [withTwice(issueLeaf({ extensions: [...agentName, '1.2.3.4=DER:0500', '1.2.3.5=DER:0500'] }))],
      /^a certificate is not well-formed$/,
    ],
    ['only for email', [issueLeaf({ extensions: [...agentName, 'extendedKeyUsage=emailProtection'] })], /key usage/],
    [
      'under an intermediate with CA:false',
      withIntermediate(['basicConstraints=critical,CA:FALSE']),
      /is not allowed to issue/,
    ],
    ['under an intermediate that is not marked as a CA', withIntermediate([]), /is not allowed to issue/],
    [
      'under an intermediate whose key usage does not include keyCertSign',
      withIntermediate(['basicConstraints=critical,CA:TRUE', 'keyUsage=digitalSignature']),
      /is not allowed to issue|does not lead to a configured/,
    ],
    [
      'under an intermediate with name constraints',
      withIntermediate([...ca, 'nameConstraints=permitted;DNS:other.example']),
      /unsupported critical/,
    ],
    [
      'under an intermediate with an unknown critical extension',
      withIntermediate([...ca, '1.2.3.4=critical,DER:0500']),
      /unsupported critical/,
    ],
    [
      'with an unknown critical extension',
      [issueLeaf({ extensions: [...agentName, '1.2.3.4=critical,DER:0500'] })],
      /unsupported critical/,
    ],
    [
      'signed with SHA-1',
      [issueLeaf({ issuer: weakIssuer, digest: 'sha1' })],
      /broken digest algorithm/,
      { roots: [weakIssuer.pem] },
    ],
    ['with a 1024-bit RSA key', [issueLeaf({ keys: keyKinds.rsa1024 })], /certificate’s key/],
    ['with a P-384 key', [issueLeaf({ keys: keyKinds.p384 })], /certificate’s key/],
    [
      'with a key on a curve that Node does not export as a JWK',
      [issueLeaf({ keys: keyKinds.brainpool })],
      /certificate’s key/,
    ],
    ['with an RSA-PSS-only key', [issueLeaf({ keys: keyKinds.rsaPss })], /certificate’s key type/],
    ['with an Ed448 key', [issueLeaf({ keys: keyKinds.ed448 })], /certificate’s key type/],
  ])('%s', async (_name, chain, reason, options) => {
    expect(await answerFor(chain, options)).toMatch(reason)
  })

  it.each([
    ['more than 4096 bits', keyKinds.rsaOf4104Bits],
    ['an exponent of more than 32 bits', keyKinds.rsaWithLongExponent],
  ])('under an intermediate with an RSA key of %s, which a root may have', async (_name, keys) => {
    const costly = issueCertificate({ name: 'costly', issuer: root, extensions: ca, keys })
    const issued = issueLeaf({ issuer: costly })
    expect(await answerFor([issued, costly])).toMatch(/too expensive to verify/)
    expect(await answerFor([issued], { roots: [costly.pem] })).toBe('https://agent.example')
    const usual = issueCertificate({ name: 'usual', issuer: root, extensions: ca, keys: keyKinds.rsaOf4096Bits })
    expect(await answerFor([issueLeaf({ issuer: usual }), usual])).toBe('https://agent.example')
  })

  it('but accepts one with an unknown extension that is not critical', async () => {
    const issued = issueLeaf({ extensions: [...agentName, '1.2.3.4=DER:0500'] })
    expect(await answerFor([issued])).toBe('https://agent.example')
  })

  it.each([
    ['its own', 'basicConstraints=critical,CA:TRUE,pathlen:0', undefined],
    ['the root’s', undefined, 'basicConstraints=critical,CA:TRUE,pathlen:0'],
  ])('whose chain exceeds %s path length', async (_whose, outerLine, rootLine) => {
    const top = rootLine ? issueCertificate({ name: 'short root', extensions: [rootLine] }) : root
    const outer = issueCertificate({ name: 'outer', issuer: top, extensions: outerLine ? [outerLine] : ca })
    const inner = issueCertificate({ name: 'inner', issuer: outer, extensions: ca })
    expect(await answerFor([issueLeaf({ issuer: inner }), inner, outer], { roots: [top.pem] })).toMatch(
      /is not allowed to issue/,
    )
  })

  it('whose chain is longer than five', async () => {
    const issuers = [root]
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      issuers.unshift(issueCertificate({ name, issuer: issuers[0] as Issued, extensions: ca }))
    }
    const chain = issuers.slice(0, -1)
    expect(await answerFor([issueLeaf({ issuer: issuers[1] as Issued }), ...chain.slice(1)])).toBe(
      'https://agent.example',
    )
    expect(await answerFor([issueLeaf({ issuer: issuers[0] as Issued }), ...chain])).toMatch(
      /does not contain a chain of 1 to 5/,
    )
  })

  it('whose chain contains a revoked certificate, the leaf or an intermediate, without checking further', async () => {
    const asked: string[] = []
    const isRevoked: CertificateFinderOptions['isRevoked'] = async ({ subject }) => {
      asked.push(subject)
      return subject === 'CN=intermediate'
    }
    expect(await answerFor([underIntermediate, intermediate], { isRevoked })).toMatch(/was revoked/)
    expect(asked).toEqual(['CN=leaf', 'CN=intermediate'])
    expect(await answerFor([leaf], { isRevoked: () => true })).toMatch(/was revoked/)
  })

  it('whose revocation status cannot be determined', async () => {
    const down = async () => Promise.reject(new Error('the responder is not responding'))
    expect(await answerFor([leaf], { isRevoked: down })).toMatch(/could not be determined/)
  })
})

describe('the document that x5u and x5t reference', () => {
  it('is fetched once for two requests, and again when its cache lifetime is over', async () => {
    let clock = now
    const { find, asked } = finderOver(leaf.pem, { now: () => clock, cacheAge: 600 })
    const first = await find({ x5u, x5t: leaf.thumbprint })
    expect(await find({ x5u, x5t: leaf.thumbprint })).toEqual(first)
    expect(asked).toEqual([x5u])
    clock += 600
    await find({ x5u, x5t: leaf.thumbprint })
    expect(asked).toEqual([x5u, x5u])
  })

  it('is requested as a certificate chain, not as JSON', async () => {
    const { find } = finderOver('', {
      fetch: async (_url, init) => {
        expect(init?.headers?.accept).toBe('application/pem-certificate-chain, */*;q=0.1')
        return new Response(leaf.pem)
      },
    })
    expect(await find({ x5u, x5t: leaf.thumbprint })).toMatchObject({ found: { agent: 'https://agent.example' } })
  })

  it('is fetched once for many concurrent requests', async () => {
    const { find, asked } = finderOver(leaf.pem)
    await Promise.all(Array.from({ length: 50 }, () => find({ x5u, x5t: leaf.thumbprint })))
    expect(asked).toEqual([x5u])
  })

  it('is fetched for at most 32 strangers at a time', async () => {
    const { find } = finderOver('', { fetch: () => new Promise(() => undefined) })
    const thumbprints = Array.from({ length: 32 }, (_, index) => Buffer.alloc(32, index + 1).toString('base64url'))
    for (const x5t of thumbprints) void find({ x5u, x5t })
    expect(await find({ x5u, x5t: leaf.thumbprint })).toMatchObject({ failure: { reason: 'busy' } })
  })

  it('is not cached if it was rejected', async () => {
    const { find, documents } = finderOver(otherRoot.pem)
    expect(await find({ x5u, x5t: leaf.thumbprint })).toHaveProperty('failure')
    documents.set(x5u, leaf.pem)
    expect(await find({ x5u, x5t: leaf.thumbprint })).toHaveProperty('found')
  })

  it('K25: one source has four concurrent fetches and the configured number per minute; another source is not affected', async () => {
    const waiting: (() => void)[] = []
    const silent: CertificateFinderOptions['fetch'] = () =>
      new Promise((resolve) => waiting.push(() => resolve(new Response('', { status: 404 }))))
    const { find } = finderOver(leaf.pem, { fetch: silent, fetchesPerSource: 6 })
    const from = (address: string, index: number) =>
      find({ x5u: `https://host-${index}.example/chain.pem`, x5t: leaf.thumbprint }, address)
    const first = [0, 1, 2, 3].map((index) => from('198.51.100.7', index))
    expect(await from('198.51.100.7', 4)).toMatchObject({ failure: { reason: 'busy', retryAfter: 3 } })
    const other = from('192.0.2.1', 5)
    expect(waiting).toHaveLength(5)
    for (const answer of waiting.splice(0)) answer()
    expect(await Promise.all([...first, other])).toEqual(Array(5).fill({ failure: expect.anything() }))
    const later = [6, 7].map((index) => from('198.51.100.7', index))
    expect(await from('198.51.100.7', 8)).toMatchObject({ failure: { reason: 'busy', retryAfter: 60 } })
    for (const answer of waiting) answer()
    await Promise.all(later)
  })

  it('is evicted when the first certificate of its chain expires', async () => {
    let clock = now
    const short = issueCertificate({ name: 'intermediate', issuer: root, extensions: ca, days: 1 })
    const issued = issueLeaf({ issuer: short })
    const { find } = finderOver(issued.pem + short.pem, { now: () => clock, cacheAge: 30 * 86_400 })
    expect(await find({ x5u, x5t: issued.thumbprint })).toHaveProperty('found')
    clock += 2 * 86_400
    expect(await find({ x5u, x5t: issued.thumbprint })).toHaveProperty('failure')
  })

  it.each([
    ['http', 'http://agent.example/chain.pem'],
    ['an address', 'https://192.0.2.1/chain.pem'],
    ['a fragment', 'https://agent.example/chain.pem#x'],
    ['user-info', 'https://a@agent.example/chain.pem'],
    ['a file', 'file:///etc/ssl/cert.pem'],
  ])('is not fetched from a URL with %s', async (_name, url) => {
    const { find, asked } = finderOver(leaf.pem)
    expect(await find({ x5u: url, x5t: leaf.thumbprint })).toMatchObject({ failure: { reason: 'refused' } })
    expect(asked).toEqual([])
  })

  it.each([
    ['as long as a SHA-1 hash', Buffer.alloc(20).toString('base64url')],
    ['padded', `${leaf.thumbprint}=`],
    ['hexadecimal', Buffer.from(leaf.thumbprint, 'base64url').toString('hex')],
  ])('is not fetched for an x5t that is %s', async (_name, x5t) => {
    const { find, asked } = finderOver(leaf.pem)
    expect(await find({ x5u, x5t })).toMatchObject({ failure: { reason: 'refused' } })
    expect(asked).toEqual([])
  })

  it('must match x5t with the thumbprint of its first certificate', async () => {
    const { find } = finderOver(underIntermediate.pem + intermediate.pem)
    for (const x5t of [leaf.thumbprint, intermediate.thumbprint]) {
      expect(await find({ x5u, x5t })).toMatchObject({ failure: { message: expect.stringMatching(/x5t is not/) } })
    }
  })

  const begin = '-----BEGIN CERTIFICATE-----'
  const cut = (der: Buffer) => der.subarray(0, der.length - 30)
  it.each<[string, string]>([
    ['not PEM', 'hello'],
    ['empty', ''],
    ['DER', 'MIIB\0\x01'],
    ['a certificate with a stray character inside', leaf.pem.replace(/\n(?=.)/, '\n*')],
    ['a truncated certificate', withBytes(leaf.pem, cut)],
    ['a certificate without an END line', leaf.pem.slice(0, -10)],
    ['a valid certificate before one that cannot be parsed', `${leaf.pem}${begin}\n!!!\n-----END CERTIFICATE-----\n`],
    ['a valid certificate before one without an END line', `${leaf.pem}${begin}\nMIIB`],
    ['a certificate with another label', leaf.pem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')],
    ['only the key', leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
  ])('is rejected if it is %s', async (_name, text) => {
    const { find } = finderOver(text)
    expect(await find({ x5u, x5t: leaf.thumbprint })).toMatchObject({
      failure: { reason: 'refused', message: expect.stringMatching(/does not contain a chain of 1 to 5/) },
    })
  })

  it('may contain text around the certificates', async () => {
    const { find } = finderOver(`subject=leaf\n${leaf.pem}\r\nissuer=root\n`)
    expect(await find({ x5u, x5t: leaf.thumbprint })).toHaveProperty('found')
  })

  it('is rejected if it is larger than 32 KiB', async () => {
    const padded = (size: number) => leaf.pem.padEnd(size, '\n')
    expect(await finderOver(padded(32_768)).find({ x5u, x5t: leaf.thumbprint })).toHaveProperty('found')
    expect(await finderOver(padded(33 * 1024)).find({ x5u, x5t: leaf.thumbprint })).toMatchObject({
      failure: { message: expect.stringMatching(/larger than 32768 bytes/) },
    })
  })

  it('is rejected, with no other error, if any of its bytes is changed', async () => {
    for (let at = 0; at < new X509Certificate(leaf.pem).raw.length; at++) {
      const changed = withBytes(leaf.pem, (der) => der.fill((der[at] as number) ^ 0x41, at, at + 1))
      const { find } = finderOver(changed)
      const x5t = canBeRead(changed) ? thumbprintOf(changed) : leaf.thumbprint
      expect(await find({ x5u, x5t }), `byte ${at}`).toHaveProperty('failure')
    }
  })

  it('requires roots that are certificates', () => {
    expect(() => createCertificateFinder({ roots: ['not a certificate'] })).toThrow(TypeError)
    expect(() => createCertificateFinder({ roots: [root.pem.slice(0, -5)] })).toThrow(TypeError)
  })
})

describe('a resource that accepts scheme=x509', async () => {
  const resourceSigner = await createSigner(await generatePrivateJwk())

  function resourceWith(options: Partial<ResourceOptions> = {}) {
    return createResource({
      id: 'https://api.example',
      signer: resourceSigner,
      authServer: 'https://auth.example',
      now: () => now,
      ...options,
    })
  }

  async function signedBy(signer: Signer, reference: Partial<Extract<KeyReference, { scheme: 'x509' }>> = {}) {
    return signRequest(new Request('https://api.example/data'), {
      profile: january.signing,
      signer,
      signatureKey: { scheme: 'x509', x5u, x5t: leaf.thumbprint, ...reference },
      created: now,
    })
  }

  it('identifies the agent by the dNSName of its certificate', async () => {
    const { find, asked } = finderOver(leaf.pem)
    const resource = resourceWith({ certificates: find })
    const signer = await signerOf(leaf)
    for (let i = 0; i < 2; i++) {
      expect(await resource.verify(await signedBy(signer), { require: 'identity' })).toMatchObject({
        agent: 'https://agent.example',
        delegate: undefined,
        scheme: 'x509',
        tokenType: undefined,
        thumbprint: signer.thumbprint,
      })
    }
    expect(asked).toEqual([x5u])
  })

  it('binds its resource token to the certificate’s key', async () => {
    const resource = resourceWith({ certificates: finderOver(leaf.pem).find })
    const error = await refusal(async () =>
      resource.verify(await signedBy(await signerOf(leaf)), { require: 'authorization', scope: 'read' }),
    )
    expect(error).toMatchObject({ code: 'authorization_required' })
    const challenge = (await resource.toResponse(error)).headers.get('agent-auth') ?? ''
    const [, payload = ''] = /resource_token="[^.]+\.([^.]+)\./.exec(challenge) ?? []
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      agent: 'https://agent.example',
      agent_jkt: (await signerOf(leaf)).thumbprint,
    })
  })

  it('rejects a signature by a key other than the certificate’s', async () => {
    const resource = resourceWith({ certificates: finderOver(leaf.pem).find })
    const signer = await createSigner(await generatePrivateJwk())
    expect(await refusalCode(async () => resource.verify(await signedBy(signer), { require: 'identity' }))).toBe(
      'signature_mismatch',
    )
  })

  it('rejects a certificate that chains to no root, with the same response as for any unknown key', async () => {
    const resource = resourceWith({ certificates: finderOver(leaf.pem, { roots: [otherRoot.pem] }).find })
    const error = await refusal(async () =>
      resource.verify(await signedBy(await signerOf(leaf)), { require: 'identity' }),
    )
    const response = await resource.toResponse(error)
    expect(response.status).toBe(401)
    expect(response.headers.get('signature-error')).toContain('unknown_key')
    expect(await response.json()).toEqual({
      error: 'invalid_signature',
      error_description:
        'No usable key was found at the location in the signature: check what is published there with countersign discover.',
    })
  })

  it('returns 429 while too many certificates are being fetched', async () => {
    const { find } = finderOver('', { fetch: () => new Promise(() => undefined) })
    for (let i = 1; i <= 32; i++) void find({ x5u, x5t: Buffer.alloc(32, i).toString('base64url') })
    const resource = resourceWith({ certificates: find })
    expect(
      await refusalCode(async () => resource.verify(await signedBy(await signerOf(leaf)), { require: 'identity' })),
    ).toBe('too_many_requests')
  })

  it('fetches nothing if no roots are configured', async () => {
    const asked: string[] = []
    const fetch: FetchDocument = async (url) => {
      asked.push(url)
      return new Response(leaf.pem)
    }
    const resource = resourceWith({ fetch })
    expect(
      await refusalCode(async () => resource.verify(await signedBy(await signerOf(leaf)), { require: 'identity' })),
    ).toBe('key_unknown')
    expect(asked).toEqual([])
  })
})
