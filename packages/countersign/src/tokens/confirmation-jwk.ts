/** The key that claims name as that of whoever presents the token (RFC 7800 §3.2), as it stands there; undefined: none. */
export function confirmationJwk({ cnf }: { cnf?: unknown }): object | undefined {
  const jwk = typeof cnf === 'object' && cnf !== null && 'jwk' in cnf ? cnf.jwk : undefined
  return typeof jwk === 'object' && jwk !== null ? jwk : undefined
}
