/**
 * The signature base (RFC 9421 §2.5): a line per component, and last `@signature-params`, without a final line feed.
 *
 * @param components names in the order of `Signature-Input`
 * @param valueFor the component's value; the caller refuses components that are absent
 * @param parameters the `@signature-params` value, exactly as in `Signature-Input`
 */
export function serializeSignatureBase(
  components: readonly string[],
  valueFor: (component: string) => string,
  parameters: string,
): string {
  let base = ''
  for (const component of components) base += `"${component}": ${valueFor(component)}\n`
  return `${base}"@signature-params": ${parameters}`
}
