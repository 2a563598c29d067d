/** The names of one agent's cookies, and their format. */
export interface OwnCookies {
  /** The session cookie's name, and the prefix of the others. */
  readonly name: string
  /** The name of the first-visit cookie. */
  readonly visit: string
  /** The name of the cookie that tells the next page that its user has just allowed something. */
  readonly allowed: string
  /** @param age lifetime in seconds; if absent, the cookie lasts until the browser is closed */
  write(name: string, value: string, age?: number): string
  /** Whether a `Set-Cookie` line sets one of these cookies. */
  isOwn: (line: string) => boolean
}

/** Creates an agent's cookies. Over https, the `__Host-` prefix prevents other hosts from setting them (RFC 6265bis). */
export function createOwnCookies(id: string, isSecure: boolean): OwnCookies {
  const { port, pathname } = new URL(id)
  // Each path has its own name. The name contains no `-`, because `-` separates the suffixes.
  const path = pathname === '/' ? '' : `_${pathname.slice(1).replaceAll(/[^a-z\d.]/gi, escaped)}`
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
  // Cookies are shared between the ports of a host.
  const name = isSecure ? `__Host-agent${path}` : `agent-${port}${path}`
  return {
    name,
    visit: `${name}-visit`,
    allowed: `${name}-allowed`,
    isOwn(line) {
      const given = line.slice(0, line.search(/[;=]|$/)).trim()
      return given === name || given.startsWith(`${name}-`)
    },
    write: (its, value, age) => `${its}=${value}${attributes}${age === undefined ? '' : `; Max-Age=${age}`}`,
  }
}

/** Escapes a character as `~` and its code, and `~` itself as `_`. No code is a prefix of another, so names stay unique. */
function escaped(character: string): string {
  return character === '~' ? '_' : `~${character.charCodeAt(0)}`
}

/**
 * Returns the first cookie with the given name, with its value as sent. Only spaces and tabs surround a name (RFC 6265bis §5.6): with any
 * other character removed, a name that another host may set would become one with the `__Host-` prefix.
 */
export function readCookie(header: string | undefined, name: string): string | undefined {
  const pairs = (header ?? '').replace(/^[ \t]+/, '').split(/;[ \t]*/)
  return pairs
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .trimEnd()
}
