interface Mark {
  host: string
  logo?: string | undefined
}

/** The logo as this server serves it, or a letter of the verified host; never of the name, which nobody checked. */
export function AgentMark({ host, logo }: Mark) {
  return isSameOriginPath(logo) ? (
    <img class="logo" src={logo} alt="" width="48" height="48" />
  ) : (
    <span class="initial" aria-hidden="true">
      {(/[\p{L}\p{N}]/u.exec(host)?.[0] ?? '').toUpperCase()}
    </span>
  )
}

/** A browser reads `//host` and `/\\host` as another origin (attacks K31). */
function isSameOriginPath(address: string | undefined): address is string {
  return address !== undefined && /^\/(?![/\\])/.test(address)
}
