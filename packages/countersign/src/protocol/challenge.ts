/** The requirements of a resource that refuses a request, as an edition serializes and parses them. */
export interface Challenge {
  /** What the next request must prove, in the edition's terms. */
  readonly level: string
  /** The resource token, to be presented to the auth server. */
  readonly resourceToken?: string | undefined
  /** The issuer of the token that is required. */
  readonly authServer?: string | undefined
  /** The accepted algorithms. If absent, all are accepted. */
  readonly algorithms?: readonly string[] | undefined
}
