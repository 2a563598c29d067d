import { isPlainName, lettersOf } from './plain-name.js'

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
export function isNotBelieved(name: string, letters = lettersOf(name)): boolean {
  if (!isPlainName(name)) return true
  return letters === 'proxy' || origin.test(letters)
}
