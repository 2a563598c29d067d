/** What a resource requires when it refuses a request, as an edition serializes and parses it. */
export interface Challenge {
  /** What the next request must prove, in the edition's terms. */
  readonly level: string
  /** To be presented to the auth server. */
  readonly resourceToken?: string | undefined
  /** The issuer of the token that is required. */
  readonly authServer?: string | undefined
  /** The accepted algorithms. Absent: all. */
  readonly algorithms?: readonly string[] | undefined
}
