/** The January 2026 profile of RFC 9421 (S§10.3–10.5, W5–W9); another edition is another value of this type. */
export interface SigningProfile {
  /** Components every signature covers; conditional ones iff their condition holds; in the order they are emitted. */
  readonly components: readonly { name: string; when: 'always' | 'query' | 'body' | 'nonce' }[]
  /** Seconds that `created` may differ from the receiver's clock, either way. */
  readonly window: number
  /** Bytes of entropy that a nonce has at least. */
  readonly nonceBytes: number
  /** The label that is emitted; any is accepted. */
  readonly label: string
}

export const januaryProfile: SigningProfile = {
  components: [
    { name: '@method', when: 'always' },
    { name: '@authority', when: 'always' },
    { name: '@path', when: 'always' },
    { name: '@query', when: 'query' },
    { name: 'content-type', when: 'body' },
    { name: 'content-digest', when: 'body' },
    { name: 'nonce', when: 'nonce' },
    { name: 'signature-key', when: 'always' },
  ],
  window: 60,
  nonceBytes: 12,
  label: 'sig1',
}

/** What a request with these parts must cover, in the order it is emitted. */
export function coverageOf(
  profile: SigningProfile,
  present: Readonly<Record<'query' | 'body' | 'nonce', boolean>>,
): string[] {
  const components: string[] = []
  for (const { name, when } of profile.components) if (when === 'always' || present[when]) components.push(name)
  return components
}
