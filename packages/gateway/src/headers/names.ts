/**
 * A header's name as the most lenient server reads it: CGI and WSGI make one of letters in any case, `-` and `_`, some also of
 * every other character.
 */
export function plainName(name: string): string {
  const lower = name.toLowerCase()
  return /[^a-z0-9-]/.test(lower) ? lower.replaceAll(/[^a-z0-9]/g, '-') : lower
}

/** Whether everybody reads a header's name as the same one: letters, digits and `-`. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9-]+$/.test(name)
}

/** The letters of a name in lower case, and nothing else of it. */
export function lettersOf(name: string): string {
  return (/[^A-Za-z]/.test(name) ? name.replaceAll(/[^A-Za-z]+/g, '') : name).toLowerCase()
}

/** Whether a header could be read as one that only the gateway writes (G01): servers read any character but letters and digits as `-`. */
export function readsAsIdentity(name: string): boolean {
  return /^[^a-z0-9]*x[^a-z0-9]+aauth(?![a-z0-9])/i.test(name)
}

const who = '(?:client|remote|real|originating|connecting|connection|proxyuser|socket|peer|external|pseudo)'

/** Where a request came from, which only the gateway knows: `X-Forwarded-For`, `Client-IP`, `X-Remote-Addr`, `X-Host`, as letters. */
const origin = new RegExp(
  `^x?(?:original|vercel)?forwarded|${who}(?:ipv?|(?:ip)?addr(?:ess)?)$|userip$|^(?:xclient|x(?:original)?host)$`,
)

/**
 * Whether a client may not tell the API a thing by a header: where it asks from; a proxy, which becomes `HTTP_PROXY` (httpoxy); and all
 * by a name that some servers read as another one, such as `SCRIPT_NAME`.
 *
 * @param letters of the name, if the caller has them
 */
export function isUntrusted(name: string, letters = lettersOf(name)): boolean {
  if (!isPlainName(name)) return true
  return letters === 'proxy' || origin.test(letters)
}

const target = '(?:method|verb|ur[il]|path|pathinfo|prefix|query|scriptname)'
const instead =
  '(?:original|tunnell?ed|rest|rewrit(?:e|ten)|over+ide|forwarded|invoke|matched|unencoded|destination|request|proxy|real)'

/** `X-Original-URL`, `X-HTTP-Method-Override` and their kind, as letters. */
const named = new RegExp(
  [
    `^x(?:http|envoy|ms|waws|appengine)*${instead}+${target}$`,
    `^x(?:http|gdata)?${target}over+ide$|^(?:http)?methodover+ide$`,
    '^x(?:http)?(?:method|verb)$',
    '^x(?:invoke(?:output|status)|nowroutematches|middleware(?:subrequest|rewrite|invoke|next))$',
  ].join('|'),
)

/** Variables by which CGI and WSGI servers say which program is asked for what, as letters. */
const variables =
  /^(?:http)?x?(?:scriptname|scriptfilename|pathinfo|pathtranslated|querystring|requestmethod|requesturi|documentroot)$/

/** Whether some framework takes a header for the method or path instead of those of the request line (G02), by the letters of its name. */
export function readsAsOverride(letters: string): boolean {
  return named.test(letters) || variables.test(letters)
}

/**
 * Whether some framework takes a parameter, a field or a member for the method or path: `_method` in any spelling, and the headers
 * of this kind. `method` alone, and behind another word, is nobody's but the API's.
 */
export function namesAnotherRequest(name: string): boolean {
  return underscored.test(name) || named.test(lettersOf(name))
}

/** PHP makes `_` of a dot, a blank and `[`, and ends a name at NUL; others leave brackets out, or nest at a dot. */
const underscored = /^[^a-z0-9]+(?:http[^a-z]*)?method[^a-z]*(?:over+ide[^a-z]*)?(?:$|\0|\[|\.)/i
