/** Names and attributes of the server's two cookies (W23, attacks C19). */
export interface Cookies {
  read(request: Request): { browser: string | undefined; session: string | undefined }
  setBrowser(value: string): string
  setSession(value: string, maxAge: number): string
  clearSession(): string
}

/** Browsers cap cookie lives at 400 days. */
const browserAge = 400 * 86_400

/** Over `https` the names carry `__Host-` and the cookies `Secure`; loopback `http` can have neither, so there the names carry the role. */
export function createCookies(issuer: string): Cookies {
  const secure = issuer.startsWith('https:')
  const browserName = secure ? '__Host-countersign-browser' : 'countersign-auth-server-browser'
  const sessionName = secure ? '__Host-countersign-session' : 'countersign-auth-server-session'
  const set = (name: string, value: string, maxAge: number) =>
    `${name}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAge}${secure ? '; Secure' : ''}`
  return {
    read(request) {
      const values = new Map<string, string>()
      for (const pair of (request.headers.get('cookie') ?? '').split(/;\s*/)) {
        const equals = pair.indexOf('=')
        const name = pair.slice(0, equals)
        if (equals > 0 && !values.has(name)) values.set(name, pair.slice(equals + 1))
      }
      return { browser: values.get(browserName), session: values.get(sessionName) }
    },
    setBrowser: (value) => set(browserName, value, browserAge),
    setSession: (value, maxAge) => set(sessionName, value, maxAge),
    clearSession: () => set(sessionName, '', 0),
  }
}
