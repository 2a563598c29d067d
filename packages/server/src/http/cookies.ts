/** Names and attributes of the server's cookies (W23, attacks C19). */
export interface Cookies {
  read(request: Request): { browser: string | undefined; session: string | undefined }
  setBrowser(value: string): string
  setSession(value: string, maxAge: number): string
  clearSession(): string
  /** The language a person picked. */
  readLanguage(request: Request): string | undefined
  setLanguage(value: string): string
  /** What sign-ins at identity providers must come back with, by their ids; each tab has its own. */
  readProviderStates(request: Request): ReadonlyMap<string, string>
  setProviderState(id: string, value: string, maxAge: number): string
}

/** Browsers cap cookie lives at 400 days. */
const longest = 400 * 86_400

/** Over `https` the names carry `__Host-` and the cookies `Secure`; loopback `http` can have neither, so there the names carry the role. */
export function createCookies(issuer: string): Cookies {
  const secure = issuer.startsWith('https:')
  const nameOf = (part: string) => (secure ? `__Host-countersign-${part}` : `countersign-auth-server-${part}`)
  const set = (part: string, value: string, maxAge: number) =>
    `${nameOf(part)}=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${maxAge}${secure ? '; Secure' : ''}`
  const pairsOf = (request: Request) => (request.headers.get('cookie') ?? '').split(/;\s*/)
  const read = (request: Request, part: string) => {
    const prefix = `${nameOf(part)}=`
    return pairsOf(request)
      .find((pair) => pair.startsWith(prefix))
      ?.slice(prefix.length)
  }
  return {
    read: (request) => ({ browser: read(request, 'browser'), session: read(request, 'session') }),
    setBrowser: (value) => set('browser', value, longest),
    setSession: (value, maxAge) => set('session', value, maxAge),
    clearSession: () => set('session', '', 0),
    readLanguage: (request) => read(request, 'language'),
    setLanguage: (value) => set('language', value, longest),
    readProviderStates(request) {
      const prefix = nameOf('provider-')
      const states = pairsOf(request).flatMap((pair): [string, string][] => {
        const at = pair.indexOf('=')
        return pair.startsWith(prefix) && at > 0 ? [[pair.slice(prefix.length, at), pair.slice(at + 1)]] : []
      })
      return new Map(states)
    },
    setProviderState: (id, value, maxAge) => set(`provider-${id}`, value, maxAge),
  }
}
