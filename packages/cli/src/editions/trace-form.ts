/** How the messages of an edition are shown. */
export interface TraceForm {
  /** What the edition calls its auth server. */
  readonly serverName: string
  /** Maximum length of a line. Longer lines are broken. @default no limit */
  readonly columns?: number
  /** Whether every JSON body is pretty-printed, instead of only an auth server's responses. */
  readonly prettyBodies: boolean
  readonly shortenHeader: (value: string) => string
  readonly shortenLine: (line: string) => string
  /**
   * Describes a header below it, in the first frame that shows its message; undefined if it needs no description.
   *
   * @param status of a response
   */
  readonly describeHeader: (name: string, value: string, status: number | undefined) => string | undefined
  /** Returns what the headers of a refusal say about its cause. */
  readonly reasons: (header: (name: string) => string | undefined) => readonly (string | undefined)[]
  /** Describes a page that a browser received, if it shows a part of the protocol. */
  readonly describePage: (html: string) => string | undefined
  /** What the agent does until its user has decided, and afterwards. */
  readonly afterConsent: readonly string[]
}
