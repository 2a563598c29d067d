import { Icon } from './icon.js'

interface Mark {
  host: string
  logo?: string | undefined
}

/**
 * The logo as this server serves it, or the first letter of the verified host, never of the name, which nobody checked;
 * a sign where the host has no letter that says anything: an address of numbers, or one in the spelling of `xn--`.
 */
export function AgentMark({ host, logo }: Mark) {
  return isSameOriginPath(logo) ? (
    <img class="logo" src={logo} alt="" width="48" height="48" />
  ) : (
    <span class="initial" aria-hidden="true">
      {initialOf(host) ?? <Icon name="address" />}
    </span>
  )
}

function initialOf(host: string): string | undefined {
  return /^(?!xn--)(?![\d.]+(?:[:/]|$))[a-z\d]/i.exec(host)?.[0].toUpperCase()
}

/** A browser reads `//host` and `/\\host` as another origin (attacks K31). */
function isSameOriginPath(address: string | undefined): address is string {
  return address !== undefined && /^\/(?![/\\])/.test(address)
}
