import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { PublicJwk, Signer } from 'countersign'
import { type JoseRules, publishedJwk, registeredNames, requireOwnSigner } from 'countersign/tokens'
import type { BackgroundWork } from '../storage/api/background-work.js'

/** Keys with which the server signs, and which may change while it is running. */
export interface SigningKeys {
  /** The key that currently signs. */
  signer(): Signer | Promise<Signer>
  /** The published keys: those about to be used, those in use, and retired ones for as long as tokens signed by them are valid. */
  publicKeys(): Promise<readonly PublicJwk[]>
}

/** The server's own keys. `publicKeys` are those in `/jwks.json`. */
export interface ServerKeys extends SigningKeys {
  /** At least 32 random bytes from which codes and form values are derived; they must be durable and the same on every instance. */
  readonly secret: Uint8Array
}

export interface FixedKeysOptions {
  signer: Signer
  /** At least 32 random bytes, which must be durable and the same on every instance. */
  secret: Uint8Array
  /** Older public keys to keep publishing while tokens signed by them are valid. */
  retired?: readonly PublicJwk[]
}

/** Uses keys that stay the same while the process is running, from your own store or key service. */
export function fixedKeys({ signer, secret, retired = [] }: FixedKeysOptions): ServerKeys {
  return { signer: () => signer, publicKeys: async () => [signer.jwk, ...retired], secret }
}

/** Where keys are used. */
interface KeyUse {
  issuer: string
  background: BackgroundWork
}

/** The keys of an edition, and the format in which it publishes them. */
export interface EditionKeys {
  name: string
  keys: SigningKeys | undefined
  jose: JoseRules
}

/**
 * Returns the signing keys of each edition by its name, with public keys in its format. Every edition after the first has keys that none of
 * those before it has.
 *
 * @throws TypeError for a key printed in a standard, and for an edition without keys
 */
export function requireKeysOfEditions(editions: readonly EditionKeys[], use: KeyUse): ReadonlyMap<string, SigningKeys> {
  const found = new Map<string, SigningKeys>()
  for (const { name, keys, jose } of editions) {
    if (!keys) throw new TypeError(`the edition ${name} needs its own keys, because it is not the server's first one`)
    const own =
      found.size === 0
        ? requireOwnKeys(keys, { jose, ...use })
        : requireSeparateKeys(keys, { jose, others: [...found.values()], ...use })
    found.set(name, own)
  }
  return found
}

/**
 * Returns the keys, with public keys in the edition's format. The signing key must be the issuer's own: if the signer is available
 * synchronously, a key printed in a standard is refused immediately. Otherwise, it is reported in the background and refused each time it
 * would sign.
 *
 * @throws TypeError
 */
function requireOwnKeys(keys: SigningKeys, { jose, issuer, background }: KeyUse & { jose: JoseRules }): SigningKeys {
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
  }
}

/**
 * Returns the keys of one more edition. In addition to {@link requireOwnKeys}, none of them may have the key or the `kid` of one of the
 * server's other keys, because tokens of one edition could then pass as tokens of the other. That is reported in the background, and the
 * keys sign nothing.
 *
 * @param use.others the keys of the other editions
 * @throws TypeError
 */
export function requireSeparateKeys(
  keys: SigningKeys,
  { others, jose = registeredNames, ...use }: KeyUse & { others: readonly SigningKeys[]; jose?: JoseRules },
): SigningKeys {
  const own = requireOwnKeys(keys, { jose, ...use })
  let separate: Signer | undefined
  async function requireSeparate(signer: Signer): Promise<Signer> {
    if (signer === separate) return signer
    const taken = (await Promise.all(others.map((each) => each.publicKeys()))).flat()
    const published = [signer.jwk, ...(await own.publicKeys())]
    const shared = published.find((jwk) => taken.some((other) => isSharedKey(jwk, other)))
    if (shared)
      throw new TypeError(
        `keys: the key ${shared.kid} is also one of another edition; create keys for this edition alone`,
      )
    separate = signer
    return signer
  }
  const signer = async () => requireSeparate(await own.signer())
  use.background.run(signer)
  return { ...own, signer }
}

function isSharedKey(one: PublicJwk, other: PublicJwk): boolean {
  const material = ({ kty, crv, x, y, n }: Readonly<Record<string, unknown>>) => JSON.stringify([kty, crv, x, y, n])
  return one.kid === other.kid || material({ ...one }) === material({ ...other })
}

/** Why keys could not be opened or moved. `code` is stable; the message is written for an operator. */
export class KeyError extends Error {
  readonly code: 'master_key_wrong' | 'no_active_key' | 'next_key_too_new' | 'cannot_sign'
  /** When the next key may be used, in Unix seconds, for `next_key_too_new`. */
  readonly readyAt: number | undefined

  constructor(code: KeyError['code'], message: string, options: { readyAt?: number; cause?: unknown } = {}) {
    super(message, options)
    this.name = 'KeyError'
    this.code = code
    this.readyAt = options.readyAt
  }
}

/** A generation of a family of refresh tokens. */
export interface TokenGeneration {
  /** The public id of the family: a UUID. */
  family: string
  /** How often the token was replaced. */
  generation: number
}

/** Creates and recognizes the server's own secrets; the storage sees only their hashes. */
export interface MintedSecrets {
  /** Returns a new random secret with a prefix that secret scanners recognize. */
  random(prefix: 'aarq_' | 'aadc_' | 'aart_' | 'aasn_' | 'aabr_'): string
  /** Returns the code for a request. It is always the same, so that a repeated decision redirects to the same place (W14). */
  codeOf(requestId: string): string
  /**
   * Returns the refresh token of a generation. It is always the same, so that a client whose response was lost gets the same token again. A
   * token of one edition is not a token of another.
   *
   * @throws TypeError if the family is not a UUID, or the generation is not an unsigned 32-bit integer
   */
  refreshTokenOf(edition: string, generation: TokenGeneration): string
  /**
   * Returns the generation that a refresh token belongs to, or undefined if this server never derived that token for this edition. Only the
   * storage knows whether it is still valid.
   */
  readRefreshToken(edition: string, token: string): TokenGeneration | undefined
  /**
   * Returns the id under which an agent's logo is served. It is always the same for the same image, but cannot be guessed from the image.
   */
  logoIdOf(agent: string, image: Uint8Array): string
  /** Returns a form value that can be sent back only by this browser, from this user's page. */
  csrfFor(browser: string, page: string): string
  /** Returns the page for which a form value was made, or undefined if it was not made for this browser. */
  readCsrf(value: string, browser: string): string | undefined
  /**
   * Signs a string that contains no dots, which proves that this server gave it to this browser. The result is used in URLs, and no form
   * accepts it.
   */
  noticeFor(browser: string, text: string): string
  /** Returns the string, or undefined if it was not made for this browser. */
  readNotice(value: string, browser: string): string | undefined
  /** Encrypts a string for a purpose, to be returned by a browser. */
  seal(purpose: string, text: string): string
  /** Decrypts the string, or returns undefined if this server did not encrypt it for this purpose. */
  unseal(purpose: string, value: string): string | undefined
  /** Encrypts a string that makes a browser known. */
  sealKnown(browser: string, text: string): string
  /** Decrypts the string, or returns undefined if this server did not encrypt it for this browser. */
  openKnown(value: string, browser: string): string | undefined
}

/** Returns the SHA-256 hash as base64url, under which a secret is stored and looked up. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

/** Minimum length of a server's secret, in bytes. */
const minimumSecretLength = 32

/** @throws TypeError if the secret is shorter than 32 bytes */
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
    ...createRefreshTokens(mac),
    logoIdOf: (agent, image) => mac('logo', `${agent}\n${createHash('sha256').update(image).digest('base64url')}`),
    csrfFor: (browser, page) => tagged('csrf', browser, page),
    readCsrf: (value, browser) => untagged('csrf', browser, value),
    noticeFor: (browser, text) => tagged('notice', browser, text),
    readNotice: (value, browser) => untagged('notice', browser, value),
    ...createSecretTexts(secret),
  }
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The bytes of a refresh token of a family: the family's id, the generation, and their MAC. */
const tokenBytes = { family: 16, generation: 4, mac: 32 }

function createRefreshTokens(
  mac: (purpose: string, text: string) => string,
): Pick<MintedSecrets, 'refreshTokenOf' | 'readRefreshToken'> {
  function refreshTokenOf(edition: string, { family, generation }: TokenGeneration): string {
    if (!uuid.test(family)) throw new TypeError('family must be a UUID in lowercase')
    if (!Number.isInteger(generation) || generation < 0 || generation > 0xffffffff)
      throw new TypeError('generation must be an unsigned 32-bit integer')
    const number = Buffer.alloc(tokenBytes.generation)
    number.writeUInt32BE(generation)
    const tag = Buffer.from(mac('refresh', `${edition}\n${family}\n${generation}`), 'base64url')
    return `aart_${Buffer.concat([Buffer.from(family.replaceAll('-', ''), 'hex'), number, tag]).toString('base64url')}`
  }
  return {
    refreshTokenOf,
    readRefreshToken(edition, token) {
      const bytes = Buffer.from(token.slice('aart_'.length), 'base64url')
      if (bytes.length !== tokenBytes.family + tokenBytes.generation + tokenBytes.mac) return undefined
      const family = bytes.toString('hex', 0, tokenBytes.family).replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
      const named = { family, generation: bytes.readUInt32BE(tokenBytes.family) }
      // The whole text is compared, because base64url can spell the same bytes in several ways.
      const expected = Buffer.from(refreshTokenOf(edition, named))
      const actual = Buffer.from(token)
      return actual.length === expected.length && timingSafeEqual(actual, expected) ? named : undefined
    },
  }
}

/** Lengths for AES-256-GCM, in bytes. */
const lengths = { nonce: 12, tag: 16 }

function createSecretTexts(secret: Uint8Array): Pick<MintedSecrets, 'seal' | 'unseal' | 'sealKnown' | 'openKnown'> {
  const keyFor = (use: string) => createHmac('sha256', secret).update(`${use}\n`).digest()
  const [known, other] = [createSeal(keyFor('known')), createSeal(keyFor('seal'))]
  return {
    seal: other.seal,
    unseal: (purpose, value) => other.open(value, purpose),
    sealKnown: known.seal,
    openKnown: known.open,
  }
}

interface Seal {
  /** Encrypts a text, which can be decrypted only for the same purpose. */
  seal: (purpose: string, text: string) => string
  open: (value: string, purpose: string) => string | undefined
}

function createSeal(key: Uint8Array): Seal {
  return {
    seal(purpose, text) {
      const nonce = randomBytes(lengths.nonce)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(purpose))
      return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]).toString('base64url')
    },
    open(value, purpose) {
      const bytes = Buffer.from(value, 'base64url')
      const end = bytes.length - lengths.tag
      if (end < lengths.nonce) return undefined
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, lengths.nonce))
        .setAAD(Buffer.from(purpose))
        .setAuthTag(bytes.subarray(end))
      const text = decipher.update(bytes.subarray(lengths.nonce, end))
      try {
        decipher.final()
        return text.toString()
      } catch {
        // The authentication tag does not match. Node has no error code for that.
        return undefined
      }
    },
  }
}
