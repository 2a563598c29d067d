/** A value taken apart. Nothing about it is checked but its form. */
export interface Inspection {
  /** What it is: `Signature-Input`, or a token's `typ`. */
  kind: string
  /** What it holds. */
  decoded: Readonly<Record<string, unknown>>
  /** What a reader should know, in sentences. */
  remarks: readonly string[]
  /** Tokens inside of it. */
  inside: readonly Inspection[]
  /** Why this library refuses the form, where it does. */
  refusal?: string | undefined
}

/** What a header value holds, and the tokens in it. */
export type Decoded = Pick<Inspection, 'decoded' | 'remarks'> & { tokens: readonly string[] }
