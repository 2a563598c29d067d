import { randomBytes } from 'node:crypto'
import { Secret, TOTP } from 'otpauth'
import { hashSecret } from '../secrets/server-keys.js'

/** How long each code of an authenticator app is shown, in seconds. One that was shown just before or after is accepted, too. */
const period = 30
const window = 1

/** Length of the secret that an authenticator app shares with the server, in bytes (RFC 4226 §4). */
const secretLength = 20

/** Returns a new secret for an authenticator app, in base32. */
export function createAppSecret(): string {
  return new Secret({ size: secretLength }).base32
}

/** Returns the URI that an authenticator app reads from a QR code. */
export function appUri(secret: string, { server, username }: { server: string; username: string }): string {
  return totpOf(secret, { issuer: server, label: username }).toString()
}

/** Returns the time step whose code was entered; undefined if the code is of no step that is accepted at this time. */
export function stepOf(secret: string, entered: string, now: number): number | undefined {
  const timestamp = now * 1000
  const totp = totpOf(secret)
  const difference = totp.validate({ token: entered, timestamp, window })
  return difference === null ? undefined : totp.counter({ timestamp }) + difference
}

function totpOf(secret: string, names: { issuer?: string; label?: string } = {}): TOTP {
  return new TOTP({ ...names, secret: Secret.fromBase32(secret), algorithm: 'SHA1', digits: 6, period })
}

/** Crockford's base32: digits and letters that no one confuses when typing them. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

const codes = { count: 10, characters: 16 }

/** Returns a random code that users type. */
export function randomCode(characters: number): string {
  return Array.from(randomBytes(characters), (byte) => alphabet[byte % alphabet.length]).join('')
}

/** Returns a code in groups of four characters, as pages show it. */
export function inGroups(code: string): string {
  return code.replaceAll(/(.{4})(?=.)/g, '$1-')
}

/** Returns new recovery codes of 80 random bits, in groups. */
export function createRecoveryCodes(): string[] {
  return Array.from({ length: codes.count }, () => inGroups(randomCode(codes.characters)))
}

/** Returns the hash under which a user's recovery code is stored. */
export function recoveryHash(userId: string, code: string): string {
  return hashSecret(`recovery code of ${userId}\n${code.replaceAll('-', '')}`)
}

const longest = 100

/** Returns an entered code in the form in which codes are compared: users may type spaces, small letters, or the digits of their script. */
export function readCode(entered: string | undefined): string {
  return (entered ?? '')
    .slice(0, longest)
    .normalize('NFKC')
    .replaceAll(/[٠-٩۰-۹]/g, (digit) => String(digit.charCodeAt(0) & 0xf))
    .replaceAll(/[^0-9A-Za-z]/g, '')
    .toUpperCase()
    .replaceAll('O', '0')
    .replaceAll(/[IL]/g, '1')
}
