/** Something about a document or a key that should be otherwise. */
export interface Finding {
  /** `error`: it is refused for it; `advice`: it works, but not as well as it could. */
  level: 'error' | 'advice'
  what: string
  mend: string
}
