/** What a resource asks for when it refuses a request, as an edition reads and writes it. */
export interface Challenge {
  /** What the next request must prove, in the edition's word for it. */
  readonly level: string
  /** To be taken to the auth server. */
  readonly resourceToken?: string | undefined
  /** Where the token that is asked for comes from. */
  readonly authServer?: string | undefined
  /** The algorithms that are accepted; absent: all. */
  readonly algorithms?: readonly string[] | undefined
}
