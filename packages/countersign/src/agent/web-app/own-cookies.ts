/** The cookies of one agent. */
export interface OwnCookies {
  /** The one of the session; those of others begin with it. */
  readonly name: string
  /** That of a first visit. */
  readonly visit: string
  /** @param age seconds; absent: until the browser is closed */
  write(name: string, value: string, age?: number): string
  /** Whether a line `Set-Cookie` is of one of these. */
  isOwn: (line: string) => boolean
}

/** Over https no other host can write them: `__Host-` sees to it (RFC 6265bis). */
export function createOwnCookies(id: string, isSecure: boolean): OwnCookies {
  const { port, pathname } = new URL(id)
  // Each path has a name of its own, without `-`, which stands before the rest.
  const path = pathname === '/' ? '' : `_${pathname.slice(1).replaceAll(/[^a-z\d.]/gi, escaped)}`
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  // Cookies know nothing of ports.
  const name = isSecure ? `__Host-agent${path}` : `agent-${port}${path}`
  return {
    name,
    visit: `${name}-visit`,
    isOwn(line) {
      const given = line.split(/[;=]/, 1)[0]?.trim() ?? ''
      return given === name || given.startsWith(`${name}-`)
    },
    write: (its, value, age) => `${its}=${value}${attributes}${age === undefined ? '' : `; Max-Age=${age}`}`,
  }
}

/** By `~`, for which `_` stands, and its code, of which none begins with another one. */
function escaped(character: string): string {
  return character === '~' ? '_' : `~${character.charCodeAt(0)}`
}

/** Of cookies of one name the first, as it was sent. */
export function readCookie(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
}
