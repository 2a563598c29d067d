import * as platform from '#crypto'
import { utf8 } from '../lib/base64url.js'

/** Crockford's base 32: no letter that is taken for a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * The code of a request, for the page that asks a person and for the program that had it asked: the first twenty bits of the
 * SHA-256 of its request token, in four characters. It proves nothing: it only tells one's own request from another.
 */
export async function requestCode(requestToken: string): Promise<string> {
  const [first = 0, second = 0, third = 0] = await platform.sha256(utf8(requestToken))
  const bits = ((first << 16) | (second << 8) | third) >> 4
  return [15, 10, 5, 0].map((shift) => alphabet[(bits >> shift) & 31]).join('')
}
