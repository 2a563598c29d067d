import { createHash } from 'node:crypto'

/** What tells one page where a person decides from another, without its address. */
export function pageMark(page: string): string {
  return stateMark(new URL(page).searchParams.get('state') ?? page)
}

/** The same, of the state that comes back with the person (W13). */
export function stateMark(state: string): string {
  return createHash('sha256').update(state).digest('base64url')
}
