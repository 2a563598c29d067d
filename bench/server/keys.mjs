/** The public part of an Ed25519 JWK. */
export function publicJwkOf({ kty, crv, x, kid }) {
  return { kty, crv, x, kid, alg: 'EdDSA' }
}
