import { january, type ResourceEdition } from 'countersign/editions'
import { draft11Resource } from 'countersign/editions/draft-11'
import type { ConfigurationProblem } from 'countersign/node'
import { acceptsOAuth, type Route } from '../routes/route.js'

/** The settings that some editions do not have, or restrict. */
export interface RestrictedSettings {
  /** The names of all settings that are present. */
  names: ReadonlySet<string>
  routes: ReadonlyMap<number, Partial<Route>>
  mcp?: readonly Pick<Route, 'accept'>[] | undefined
  accept?: Route['accept']
  denyList?: boolean | undefined
  assertion?: boolean | undefined
}

/** An edition of the protocol, as a configuration can name it. */
interface GatewayEdition {
  edition: ResourceEdition
  /** Whether auth servers report revoked tokens to the gateway, so that its processes must share them. */
  receivesRevocations: boolean
  /** Problems with settings that the edition does not have. */
  problemsIn: (settings: RestrictedSettings) => ConfigurationProblem[]
}

type EditionName = 'january' | 'draft-11'

/** The editions by their names in a configuration. */
export const gatewayEditions: Readonly<Record<EditionName, GatewayEdition>> = {
  january: {
    edition: january,
    receivesRevocations: false,
    problemsIn({ names, routes }) {
      const problems: ConfigurationProblem[] = []
      if (names.has('authServers'))
        problems.push({ setting: 'authServers', problem: 'needs edition: "draft-11"; in January 2026, set authServer' })
      for (const [at, { require }] of routes)
        if (require === 'user')
          problems.push({
            setting: `routes[${at}].require`,
            problem: 'can be "user" only if "draft-11" is the only edition',
          })
      return problems
    },
  },
  'draft-11': {
    edition: draft11Resource,
    receivesRevocations: true,
    problemsIn({ names, denyList, assertion, accept, mcp = [] }) {
      const problems: ConfigurationProblem[] = []
      const refuse = (setting: string, problem: string) => void problems.push({ setting, problem })
      if (denyList)
        refuse('denyList', 'is not part of edition draft-11, in which auth servers report revoked tokens themselves')
      if (assertion) refuse('assertion', 'is not available with edition draft-11')
      if (names.has('authServers') && [accept, ...mcp.map((each) => each.accept)].some(acceptsOAuth))
        refuse(
          'authServers',
          'cannot be combined with oauth in accept: OAuth clients use one auth server, so set authServer',
        )
      return problems
    },
  },
}

/** The names, the default first. */
export const editionNames = Object.keys(gatewayEditions) as [EditionName, ...EditionName[]]
