import type { ConfigurationProblem } from 'countersign/node'
import { editionNames, gatewayEditions, type RestrictedSettings } from '../editions/gateway-editions.js'
import type { GatewaySettings } from './gateway-schema.js'

/** The settings of one edition. */
type EditionSettings = NonNullable<GatewaySettings['otherEditions']>[number]

/** The settings on which problems with editions depend. */
export type SettingsByEdition = RestrictedSettings &
  Partial<Pick<GatewaySettings, 'edition' | 'authServer' | 'authServers' | 'otherEditions' | 'redis' | 'stateFolder'>>

/** Each edition's settings, the main edition's first, with the names that are present and the prefix of their names. */
export function editionsOf(settings: SettingsByEdition) {
  const { edition = editionNames[0], authServer, authServers, names, otherEditions = [] } = settings
  return [
    { edition, authServer, authServers, names, prefix: '' },
    ...otherEditions.map((given: EditionSettings, at) => {
      const names: ReadonlySet<string> = new Set(Object.keys(given))
      return { ...given, names, prefix: `otherEditions[${at}].` }
    }),
  ]
}

/** Problems with the editions' settings, and with settings that an edition does not have. */
export function editionProblems(settings: SettingsByEdition): ConfigurationProblem[] {
  const { routes, assertion } = settings
  const all = editionsOf(settings)
  const ofEach = all.flatMap(({ edition, names, prefix, ...own }, at) => {
    const restricted = at === 0 ? settings : { names, routes, assertion, ...own }
    const isRepeated = all.findIndex((each) => each.edition === edition) < at
    const problems = [
      ...authServerProblems(names),
      ...(isRepeated ? [{ setting: 'edition', problem: `is ${edition} again: configure each edition once` }] : []),
    ].map(({ setting, problem }) => ({ setting: prefix + setting, problem }))
    const ofEdition = gatewayEditions[edition]
      .problemsIn(restricted)
      .map(({ setting, problem }) => ({ setting: names.has(setting) ? prefix + setting : setting, problem }))
    return [...problems, ...ofEdition]
  })
  return [...ofEach, ...stateProblems(settings)]
}

/** Whether auth servers report revoked tokens to the gateway. */
export function receivesRevocations(settings: Pick<SettingsByEdition, 'edition' | 'otherEditions'>): boolean {
  return editionsOf({ names: new Set(), routes: new Map(), ...settings }).some(
    ({ edition }) => gatewayEditions[edition].receivesRevocations,
  )
}

/** An edition has either one auth server or a list. */
function authServerProblems(names: ReadonlySet<string>): ConfigurationProblem[] {
  const hasList = names.has('authServers')
  if (!names.has('authServer'))
    return hasList ? [] : [{ setting: 'authServer', problem: 'is missing; it must be a URL' }]
  return hasList ? [{ setting: 'authServers', problem: 'cannot be combined with authServer' }] : []
}

function stateProblems(settings: SettingsByEdition): ConfigurationProblem[] {
  const { names, redis } = settings
  if (!names.has('stateFolder')) return []
  const problems: ConfigurationProblem[] = []
  const refuse = (problem: string) => void problems.push({ setting: 'stateFolder', problem })
  const receiving = editionNames.filter((name) => gatewayEditions[name].receivesRevocations)
  if (!receivesRevocations(settings))
    refuse(`needs edition: "${receiving.join('" or "')}", in which auth servers report revoked tokens`)
  if (redis !== undefined) refuse('cannot be combined with redis, which stores the revoked tokens')
  return problems
}
