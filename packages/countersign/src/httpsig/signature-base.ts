/**
 * The signature base (RFC 9421 §2.5): a line per component, and last `@signature-params`, without a final line feed.
 *
 * @param components names in the order of `Signature-Input`
 * @param values their values, in the same order; the caller refuses components that are absent
 * @param parameters the `@signature-params` value, exactly as in `Signature-Input`
 */
export function serializeSignatureBase(
  components: readonly string[],
  values: readonly string[],
  parameters: string,
): string {
  let base = ''
  for (let i = 0; i < components.length; i++) base += `"${components[i]}": ${values[i]}\n`
  return `${base}"@signature-params": ${parameters}`
}
