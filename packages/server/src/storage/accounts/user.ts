/** A person as the server knows them. */
export interface User {
  id: string
  username: string
  displayName: string | null
  email: string | null
  status: 'active' | 'disabled' | 'closed'
  /** The opaque subject in tokens (W18): random, never derived from the name. */
  sub: string
  createdAt: number
}
