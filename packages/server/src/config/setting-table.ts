/** A setting: its name in the file, how its environment variable is read, and what it is. */
export interface SettingRow {
  /** `listen.port` */
  name: string
  /** `json`: the variable holds JSON. */
  read: 'text' | 'number' | 'boolean' | 'json'
  about: string
}

/** Every setting there is, in the order of the manual. */
export const settingTable: readonly SettingRow[] = [
  { name: 'issuer', read: 'text', about: 'the URL people and agents know this server by; never changes' },
  { name: 'name', read: 'text', about: 'the name on the pages; default: the host of the issuer' },
  { name: 'listen.host', read: 'text', about: 'the address to listen on; default: 127.0.0.1' },
  {
    name: 'listen.port',
    read: 'number',
    about: 'the port to listen on, plain HTTP behind your TLS; default: 8080, or that of an http issuer',
  },
  { name: 'admin.host', read: 'text', about: 'the address of the admin port; default: 127.0.0.1' },
  {
    name: 'admin.port',
    read: 'number',
    about: 'serves /healthz, /readyz and /metrics; default: no admin port',
  },
  { name: 'database', read: 'text', about: 'the SQLite file; its folder must exist' },
  { name: 'masterKeyFile', read: 'text', about: 'the file with the master key that encrypts the stored keys' },
  { name: 'masterKey', read: 'text', about: 'the master key itself, in place of a file; best by its variable' },
  {
    name: 'certificates.roots',
    read: 'json',
    about: 'PEM files with the root certificates under which agents may use scheme=x509; default: none, refused',
  },
  {
    name: 'keys.rotateAfterDays',
    read: 'number',
    about: 'days after which another key signs; 0: only when you rotate; default: 90',
  },
  { name: 'lifetimes.authToken', read: 'number', about: 'seconds that an auth token lives; default: 600' },
  { name: 'lifetimes.requestToken', read: 'number', about: 'seconds that a request waits for a person; default: 600' },
  { name: 'lifetimes.code', read: 'number', about: 'seconds that an authorization code lives; default: 60' },
  {
    name: 'durations',
    read: 'json',
    about: 'for how long people may allow something: seconds, then "until-removed"; the first is preset',
  },
  { name: 'signUp', read: 'boolean', about: 'whether people may make accounts themselves; default: false' },
  {
    name: 'passkeys',
    read: 'boolean',
    about: 'whether people may sign in with passkeys; default: where they can work',
  },
  { name: 'identityProviders', read: 'json', about: 'OpenID Connect providers that people may sign in with' },
  {
    name: 'policies',
    read: 'json',
    about: 'who is asked, refused or let in without a person; default: a person is asked',
  },
  { name: 'risks', read: 'json', about: 'what permissions can do, by words of their names, besides the built-in ones' },
  { name: 'brands', read: 'json', about: 'names that people trust and their hosts, besides the built-in ones' },
  {
    name: 'pages.logos',
    read: 'boolean',
    about: 'whether the logos that agents name are fetched, re-encoded and shown; default: true',
  },
  { name: 'footer.help', read: 'text', about: 'a link at the foot of the pages: help' },
  { name: 'footer.report', read: 'text', about: 'a link on the pages about an agent: report it' },
  { name: 'footer.privacy', read: 'text', about: 'a link at the foot of the pages: privacy' },
  {
    name: 'contact.name',
    read: 'text',
    about: 'whom people can ask: about what the policies forbid, and for a new password',
  },
  { name: 'contact.href', read: 'text', about: 'where to reach them' },
  {
    name: 'interop.redirectUrisOptional',
    read: 'json',
    about: 'agents whose document may list no redirect URIs; weaker, by name only',
  },
  {
    name: 'interop.unsignedBodies',
    read: 'json',
    about: 'agents whose signatures may leave the body out; weaker, by name only',
  },
  {
    name: 'signatureKeyForm',
    read: 'text',
    about: '"both" also reads the later form of Signature-Key; default: january',
  },
  { name: 'nonce', read: 'text', about: '"required" or "optional" in token requests; default: optional' },
  {
    name: 'bindCodeToKey',
    read: 'boolean',
    about: 'whether a code works only with the key that asked for it; default: false, so that agents can rotate keys',
  },
  { name: 'algorithms', read: 'json', about: 'the signature algorithms accepted from agents; default: all' },
  {
    name: 'limits.openRequests',
    read: 'number',
    about: 'open requests of one agent and resource at once; default: 20',
  },
  {
    name: 'limits.sessions',
    read: 'number',
    about: 'browsers in which one person may be signed in at once; the oldest session ends; default: 50',
  },
  { name: 'limits.connections', read: 'number', about: 'connections at once; default: 1024' },
  {
    name: 'limits.connectionsPerNetwork',
    read: 'number',
    about:
      'connections that one network (IPv4 /24, IPv6 /48) may hold; not for those in trustProxy; default: half of limits.connections',
  },
  {
    name: 'limits.idlePerAddress',
    read: 'number',
    about:
      'connections that one address may hold without a whole request, with its body; not for those in trustProxy; default: a quarter of limits.connections',
  },
  {
    name: 'limits.fetchesPerMinute',
    read: 'number',
    about: 'documents of unknown agents fetched in a minute; default: 3000',
  },
  {
    name: 'limits.fetchesPerSource',
    read: 'number',
    about: 'the same because of requests from one address; default: 300',
  },
  {
    name: 'limits.noncesPerAgent',
    read: 'number',
    about: 'nonces of one agent remembered at once, for about two minutes each; default: 16384',
  },
  {
    name: 'limits.nonces',
    read: 'number',
    about: 'nonces of all remembered before the network that holds most is refused; default: 1000000',
  },
  {
    name: 'allowNetworks',
    read: 'json',
    about: 'networks that are not public, and the names there, which agents may be looked up at; default: none',
  },
  {
    name: 'egressProxy',
    read: 'text',
    about: 'the HTTP proxy by which everything is fetched where there is no direct way out; default: none',
  },
  {
    name: 'trustProxy',
    read: 'json',
    about: 'addresses or networks of the proxies whose X-Forwarded-For is believed; default: none',
  },
  {
    name: 'allowPath',
    read: 'boolean',
    about: 'accepts agents and resources whose identifier has a path, as https://host/~agent; default: false',
  },
  {
    name: 'allowInsecureLoopback',
    read: 'boolean',
    about: 'accepts http on loopback, for development on one machine only; default: false',
  },
]

/** The environment variable of a setting: `listen.port` → `COUNTERSIGN_LISTEN_PORT`. */
export function environmentName(setting: string): string {
  return `COUNTERSIGN_${setting.replaceAll('.', '_').replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`
}
