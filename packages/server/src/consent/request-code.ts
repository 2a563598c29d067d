/** Crockford's base 32: no letter that is taken for a digit. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/**
 * The code of a request, which the program that asked can show too: the first twenty bits of the SHA-256 of its request
 * token, in four characters. It proves nothing.
 *
 * @param tokenHash - The whole SHA-256, as base64url.
 */
export function requestCode(tokenHash: string): string {
  const bits = Buffer.from(tokenHash, 'base64url').readUIntBE(0, 3) >> 4
  return [15, 10, 5, 0].map((shift) => alphabet[(bits >> shift) & 31]).join('')
}
