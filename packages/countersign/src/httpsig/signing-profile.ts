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

/** The components of a signature, and how `Signature-Input` lists them. */
export interface Coverage {
  readonly components: readonly string[]
  readonly list: string
}

const coverages = new WeakMap<SigningProfile, Coverage[]>()

/** What a request with these parts must cover, in the order it is emitted. */
export function coverageOf(profile: SigningProfile, query: boolean, body: boolean, nonce: boolean): Coverage {
  let known = coverages.get(profile)
  if (!known) {
    known = []
    coverages.set(profile, known)
  }
  const index = (query ? 1 : 0) | (body ? 2 : 0) | (nonce ? 4 : 0)
  known[index] ??= createCoverage(profile, { always: true, query, body, nonce })
  return known[index]
}

function createCoverage(
  profile: SigningProfile,
  present: Readonly<Record<SigningProfile['components'][number]['when'], boolean>>,
): Coverage {
  const components = profile.components.filter(({ when }) => present[when]).map(({ name }) => name)
  return { components, list: `(${components.map((name) => `"${name}"`).join(' ')})` }
}
