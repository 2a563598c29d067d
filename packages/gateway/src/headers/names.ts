/**
 * The name of a header as the most lenient server reads it. CGI and WSGI ignore the case of letters and do not distinguish `-` and `_`;
 * some servers treat every other character like those.
 */
export function plainName(name: string): string {
  const lower = name.toLowerCase()
  return /[^a-z0-9-]/.test(lower) ? lower.replaceAll(/[^a-z0-9]/g, '-') : lower
}

/** Whether all servers read the name of a header alike: letters, digits and `-`. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9-]+$/.test(name)
}

/** The letters of a name alone, in lower case. */
export function lettersOf(name: string): string {
  return (/[^A-Za-z]/.test(name) ? name.replaceAll(/[^A-Za-z]+/g, '') : name).toLowerCase()
}

/** Whether a server may read a header as one that only the gateway sets (G01): some read any character but letters and digits as `-`. */
export function readsAsIdentity(name: string): boolean {
  return /^[^a-z0-9]*x[^a-z0-9]+aauth(?![a-z0-9])/i.test(name)
}

const who = '(?:client|remote|real|originating|connecting|connection|proxyuser|socket|peer|external|pseudo)'

/** The origin of a request, which only the gateway knows: `X-Forwarded-For`, `Client-IP`, `X-Remote-Addr`, `X-Host`, as letters. */
const origin = new RegExp(
  `^x?(?:original|vercel)?forwarded|${who}(?:ipv?|(?:ip)?addr(?:ess)?)$|userip$|^(?:xclient|x(?:original)?host)$`,
)

/**
 * Whether a header must not reach the API from a client: one with the client's address; `Proxy`, which becomes `HTTP_PROXY` (httpoxy); and
 * any name that some servers read as another one, such as `SCRIPT_NAME`.
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

/** `X-Original-URL`, `X-HTTP-Method-Override` and similar headers, as letters. */
const named = new RegExp(
  [
    `^x(?:http|envoy|ms|waws|appengine)*${instead}+${target}$`,
    `^x(?:http|gdata)?${target}over+ide$|^(?:http)?methodover+ide$`,
    '^x(?:http)?(?:method|verb)$',
    '^x(?:invoke(?:output|status)|nowroutematches|middleware(?:subrequest|rewrite|invoke|next))$',
  ].join('|'),
)

/** Variables by which CGI and WSGI servers pass the request line to a program, as letters. */
const variables =
  /^(?:http)?x?(?:scriptname|scriptfilename|pathinfo|pathtranslated|querystring|requestmethod|requesturi|documentroot)$/

/** Whether some framework reads the method or path from a header instead of the request line (G02), by the letters of its name. */
export function readsAsOverride(letters: string): boolean {
  return named.test(letters) || variables.test(letters)
}

/**
 * Whether some framework reads the method or path from a parameter, form field or JSON member: `_method` in any spelling, or the name of
 * such a header. `method` alone or after another word is data of the API.
 */
export function namesAnotherRequest(name: string): boolean {
  return underscored.test(name) || named.test(lettersOf(name))
}

/** PHP converts a dot, a blank and `[` to `_` and truncates a name at NUL; others drop brackets, or nest at a dot. */
const underscored = /^[^a-z0-9]+(?:http[^a-z]*)?method[^a-z]*(?:over+ide[^a-z]*)?(?:$|\0|\[|\.)/i
