import { lettersOf } from './plain-name.js'

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
