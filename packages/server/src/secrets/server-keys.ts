import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { PublicJwk, Signer } from 'countersign'
import { type JoseRules, publishedJwk, requireOwnSigner } from 'countersign/tokens'
import type { BackgroundWork } from '../storage/api/background-work.js'

/** The server's own keys; they may change while it runs. */
export interface ServerKeys {
  /** The key that signs now. */
  signer(): Signer | Promise<Signer>
  /** What `/jwks.json` shows: keys before their use, in use, and as long as tokens signed by them live. */
  publicKeys(): Promise<readonly PublicJwk[]>
  /** At least 32 random bytes, durable and the same on every instance: codes and form values are derived from it. */
  readonly secret: Uint8Array
}

export interface FixedKeysOptions {
  signer: Signer
  /** At least 32 random bytes, durable and the same on every instance. */
  secret: Uint8Array
  /** Older public keys to keep publishing while tokens signed by them live. */
  retired?: readonly PublicJwk[]
}

/** Keys that stay the same while the process runs: from your own store or key service. */
export function fixedKeys({ signer, secret, retired = [] }: FixedKeysOptions): ServerKeys {
  return { signer: () => signer, publicKeys: async () => [signer.jwk, ...retired], secret }
}

/**
 * The keys, published as the edition names algorithms, which must be the issuer's own: a key that a standard prints is refused at once where it is at hand; else it
 * is reported in the background, and refused whenever it is to sign.
 *
 * @throws TypeError
 */
export function requireOwnKeys(
  keys: ServerKeys,
  issuer: string,
  { jose, background }: { jose: JoseRules; background: BackgroundWork },
): ServerKeys {
  const requireOwn = (signer: Signer): Signer => {
    requireOwnSigner('keys', signer, issuer)
    return signer
  }
  const current = keys.signer()
  if (current instanceof Promise) background.run(async () => requireOwn(await current))
  else requireOwn(current)
  return {
    signer: async () => requireOwn(await keys.signer()),
    publicKeys: async () => (await keys.publicKeys()).map((jwk) => publishedJwk(jwk, jose)),
    secret: keys.secret,
  }
}

/** Why keys could not be opened or moved; `code` is stable, the message is a sentence for an operator. */
export class KeyError extends Error {
  readonly code: 'master_key_wrong' | 'no_active_key' | 'next_key_too_new' | 'cannot_sign'
  /** Unix seconds: when the next key may be used, for `next_key_too_new`. */
  readonly readyAt: number | undefined

  constructor(code: KeyError['code'], message: string, options: { readyAt?: number; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KeyError'
    this.code = code
    this.readyAt = options.readyAt
  }
}

/** Makes and recognises the server's own secrets; storage sees only their hashes. */
export interface MintedSecrets {
  /** A new random secret with a prefix that secret scanners know. */
  random(prefix: 'aarq_' | 'aart_' | 'aasn_' | 'aabr_'): string
  /** The code of a request: the same each time, so that a repeated decision redirects to the same place (W14). */
  codeOf(requestId: string): string
  /** What an agent's logo is served by: the same for the same image, and not to be guessed from it. */
  logoIdOf(agent: string, image: Uint8Array): string
  /** A value for forms that only this browser, showing this user's page, can send back. */
  csrfFor(browser: string, page: string): string
  /** The page a form value was made for, or undefined when it was not made for this browser. */
  readCsrf(value: string, browser: string): string | undefined
  /** A text without dots that only this server can have given to this browser; it stands in addresses, and no form takes it. */
  noticeFor(browser: string, text: string): string
  /** The text, or undefined when it was not made for this browser. */
  readNotice(value: string, browser: string): string | undefined
  /** An encrypted text that makes a browser known. */
  sealKnown(browser: string, text: string): string
  /** The text, or undefined if this server did not encrypt it for this browser. */
  openKnown(value: string, browser: string): string | undefined
}

/** SHA-256 as base64url: how secrets are looked up. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Bytes that a server's secret has at least. */
const minimumSecretLength = 32

/** @throws TypeError when the secret is shorter than 32 bytes */
export function createMintedSecrets(secret: Uint8Array): MintedSecrets {
  if (secret.length < minimumSecretLength)
    throw new TypeError(`secret must be at least ${minimumSecretLength} random bytes`)
  const mac = (purpose: string, text: string) =>
    createHmac('sha256', secret).update(`${purpose}\n${text}`).digest('base64url')
  const tagged = (purpose: string, browser: string, text: string) => `${text}.${mac(purpose, `${browser}\n${text}`)}`
  const untagged = (purpose: string, browser: string, value: string) => {
    const [text = '', ...rest] = value.split('.')
    const expected = Buffer.from(mac(purpose, `${browser}\n${text}`))
    const actual = Buffer.from(rest.join('.'))
    return actual.length === expected.length && timingSafeEqual(actual, expected) ? text : undefined
  }
  return {
    random: (prefix) => prefix + randomBytes(32).toString('base64url'),
    codeOf: (requestId) => `aacd_${mac('code', requestId)}`,
    logoIdOf: (agent, image) => mac('logo', `${agent}\n${createHash('sha256').update(image).digest('base64url')}`),
    csrfFor: (browser, page) => tagged('csrf', browser, page),
    readCsrf: (value, browser) => untagged('csrf', browser, value),
    noticeFor: (browser, text) => tagged('notice', browser, text),
    readNotice: (value, browser) => untagged('notice', browser, value),
    ...createSeal(createHmac('sha256', secret).update('known\n').digest()),
  }
}

/** Bytes of AES-256-GCM. */
const lengths = { nonce: 12, tag: 16 }

function createSeal(key: Uint8Array): Pick<MintedSecrets, 'sealKnown' | 'openKnown'> {
  return {
    sealKnown(browser, text) {
      const nonce = randomBytes(lengths.nonce)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(browser))
      return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64url')
    },
    openKnown(value, browser) {
      const bytes = Buffer.from(value, 'base64url')
      const end = bytes.length - lengths.tag
      if (end <= lengths.nonce) return undefined
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, lengths.nonce))
        .setAAD(Buffer.from(browser))
        .setAuthTag(bytes.subarray(end))
      const text = decipher.update(bytes.subarray(lengths.nonce, end))
      try {
        decipher.final()
        return text.toString()
      } catch {
        // Its tag does not fit: Node has no code for that.
        return undefined
      }
    },
  }
}
