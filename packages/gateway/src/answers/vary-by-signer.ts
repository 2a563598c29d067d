/** An answer to nobody is not the one to a signed request: no cache may give it for that. */
export function varyBySigner(headers: readonly string[]): string[] {
  return [...headers, 'Vary', 'Signature-Key']
}
